"""Who can reach whom: the one meaning of "allowed", for topologies and manifests alike."""

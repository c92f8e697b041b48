package main

import (
	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
)

// options are the agent's settings that change what a policy means, under the names of its flags.
type options struct {
	ClusterName         string   `json:"clusterName"`               // --cluster-name
	EnableIPv6          bool     `json:"enableIPv6"`                // --enable-ipv6
	EnableHostFirewall  bool     `json:"enableHostFirewall"`        // --enable-host-firewall
	NodeSelectorLabels  bool     `json:"enableNodeSelectorLabels"`  // --enable-node-selector-labels
	CIDRMatchMode       []string `json:"policyCIDRMatchMode"`       // --policy-cidr-match-mode
	DefaultLocalCluster bool     `json:"policyDefaultLocalCluster"` // --policy-default-local-cluster
	AllowLocalhost      string   `json:"allowLocalhost"`            // --allow-localhost
	EnablePolicy        string   `json:"enablePolicy"`              // --enable-policy
}

// defaultOptions are those of an agent under Kubernetes, which turns --allow-localhost=auto into "always"
// (daemon/cmd/daemon.go).
func defaultOptions() options {
	return options{
		ClusterName:         "default",
		EnableIPv6:          true,
		DefaultLocalCluster: cmtypes.DefaultPolicyConfig.PolicyDefaultLocalCluster,
		AllowLocalhost:      option.AllowLocalhostAlways,
		EnablePolicy:        option.DefaultEnforcement,
	}
}

// set puts the options where Cilium's code reads them, which is global to the process.
func (o options) set() {
	c := option.Config
	c.ClusterName = o.ClusterName
	c.EnableIPv4 = true
	c.EnableIPv6 = o.EnableIPv6
	c.EnableHostFirewall = o.EnableHostFirewall
	c.EnableNodeSelectorLabels = o.NodeSelectorLabels
	c.PolicyCIDRMatchMode = o.CIDRMatchMode
	c.UnsafeDaemonConfigOption.AllowLocalhost = o.AllowLocalhost
	policy.SetPolicyEnabled(o.EnablePolicy)
	api.InitEntities(o.ClusterName) // without it the entity `cluster` is nobody
}

// policyCluster is the cluster that a selector means which names none.
func (o options) policyCluster() string {
	config := cmtypes.PolicyConfig{PolicyDefaultLocalCluster: o.DefaultLocalCluster}
	return cmtypes.LocalClusterNameForPolicies(config, o.ClusterName)
}

"""Calico: policies of projectcalico.org/v3."""

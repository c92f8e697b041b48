package main

import (
	"context"

	"github.com/cilium/cilium/pkg/policy/api"
)

const secretsNamespace = "cilium-secrets"

// secrets stands for the cluster's: every secret that a policy names is there, and nobody looks into it.
type secrets struct{}

func (secrets) GetTLSContext(context.Context, *api.TLSContext, string) (ca, public, private string, inline bool, err error) {
	return "", "", "", false, nil
}

func (secrets) GetSecretString(context.Context, *api.Secret, string) (string, error) { return "", nil }
func (secrets) PolicySecretSyncEnabled() bool                                        { return true }
func (secrets) SecretsOnlyFromSecretsNamespace() bool                                { return true }
func (secrets) GetSecretSyncNamespace() string                                       { return secretsNamespace }

package main

import (
	meshconfig "istio.io/api/mesh/v1alpha1"

	"istio.io/istio/pilot/pkg/config/memory"
	"istio.io/istio/pilot/pkg/model"
	memregistry "istio.io/istio/pilot/pkg/serviceregistry/memory"
	"istio.io/istio/pkg/config"
	istiomesh "istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/config/schema/collections"
)

// mesh is what of MeshConfig changes the meaning of a policy.
type mesh struct {
	RootNamespace string `json:"rootNamespace"`
	TrustDomain   string `json:"trustDomain"`
}

func (m mesh) config() *meshconfig.MeshConfig {
	c := istiomesh.DefaultMeshConfig()
	if m.RootNamespace != "" {
		c.RootNamespace = m.RootNamespace
	}
	if m.TrustDomain != "" {
		c.TrustDomain = m.TrustDomain
	}
	return c
}

// push is what istiod computes of its configuration before it sends anything: the resolution of mTLS has no smaller
// way in that is exported.
func push(m mesh, configs []config.Config) (*model.PushContext, error) {
	controller := memory.NewController(memory.Make(collections.Pilot))
	for _, c := range configs {
		if _, err := controller.Create(c); err != nil {
			return nil, err
		}
	}
	env := model.NewEnvironment()
	env.ConfigStore = controller
	env.Watcher = meshwatcher.NewTestWatcher(m.config())
	env.NetworksWatcher = meshwatcher.NewFixedNetworksWatcher(nil)
	env.ServiceDiscovery = memregistry.NewServiceDiscovery()
	env.VirtualServiceController = model.NewVirtualServiceController(controller, model.VSControllerOptions{}, env.Watcher)
	env.Init()
	stop := make(chan struct{})
	defer close(stop)
	go controller.Run(stop)
	go env.VirtualServiceController.Run(stop)
	p := model.NewPushContext()
	p.InitContext(env, nil, nil)
	return p, nil
}

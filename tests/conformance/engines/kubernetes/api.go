package main

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/kubernetes/pkg/apis/networking"
	networkingdefaults "k8s.io/kubernetes/pkg/apis/networking/v1"
	"k8s.io/kubernetes/pkg/apis/networking/validation"
)

// api does to a NetworkPolicy what the API server does on create with fieldValidation=Strict, less what
// needs a server: admission, storage, warnings.
type api struct {
	scheme  *runtime.Scheme
	decoder runtime.Decoder
}

func newAPI() (*api, error) {
	scheme := runtime.NewScheme()
	// The versioned types with the server's defaults, and the internal ones, which validation is written for.
	types := runtime.NewSchemeBuilder(networkingdefaults.AddToScheme, networking.AddToScheme)
	if err := types.AddToScheme(scheme); err != nil {
		return nil, err
	}
	strict := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	return &api{scheme, strict.UniversalDeserializer()}, nil
}

// admit decodes, defaults and validates one document. An unknown field is an error, as is another kind.
func (a *api) admit(document []byte) (*networkingv1.NetworkPolicy, error) {
	object, _, err := a.decoder.Decode(document, nil, nil)
	if err != nil {
		return nil, err
	}
	np, ok := object.(*networkingv1.NetworkPolicy)
	if !ok {
		return nil, fmt.Errorf("a %T is not a NetworkPolicy", object)
	}
	a.scheme.Default(np)
	internal := &networking.NetworkPolicy{}
	if err := a.scheme.Convert(np, internal, nil); err != nil {
		return nil, err
	}
	// The declarative rules of 1.37 (Validate_NetworkPolicy) only repeat what this checks by hand.
	options := validation.ValidationOptionsForNetworking(internal, nil)
	return np, validation.ValidateNetworkPolicy(internal, options).ToAggregate()
}

package main

import (
	"encoding/json"
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/openapi"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

const (
	typesOfCalico = "github.com/projectcalico/api/pkg/apis/projectcalico/v3."
	objectMeta    = "k8s.io/apimachinery/pkg/apis/meta/v1.ObjectMeta"
)

// defined are the kinds that have a definition here.
var defined = []string{v3.KindNetworkPolicy, v3.KindGlobalNetworkPolicy, v3.KindTier}

// schemas are the OpenAPI definitions of Calico's API server (pkg/openapi), by the names of their Go types.
type schemas map[string]common.OpenAPIDefinition

// definitions makes CustomResourceDefinitions of them, each as text, by its plural.
func definitions() (map[string]string, error) {
	known := schemas(openapi.GetOpenAPIDefinitions(func(name string) spec.Ref { return spec.MustCreateRef(name) }))
	texts := map[string]string{}
	for _, name := range defined {
		definition, err := known.define(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		text, err := json.Marshal(definition)
		if err != nil {
			return nil, err
		}
		texts[definition.Spec.Names.Plural] = string(text)
	}
	return texts, nil
}

func (known schemas) define(name string) (*apiextensionsv1.CustomResourceDefinition, error) {
	schema, err := known.structural(spec.Schema{SchemaProps: spec.SchemaProps{Ref: spec.MustCreateRef(typesOfCalico + name)}})
	if err != nil {
		return nil, err
	}
	content, err := json.Marshal(schema)
	if err != nil {
		return nil, err
	}
	// The two have the same JSON; what a definition could not say is an error.
	properties := &apiextensionsv1.JSONSchemaProps{}
	if err := strictly(content, properties); err != nil {
		return nil, err
	}
	plural, singular := meta.UnsafeGuessKindToResource(v3.SchemeGroupVersion.WithKind(name))
	scope := apiextensionsv1.ClusterScoped
	if kinds[name].namespaced {
		scope = apiextensionsv1.NamespaceScoped
	}
	return &apiextensionsv1.CustomResourceDefinition{
		TypeMeta: metav1.TypeMeta{
			APIVersion: apiextensionsv1.SchemeGroupVersion.String(), Kind: "CustomResourceDefinition",
		},
		ObjectMeta: metav1.ObjectMeta{Name: plural.GroupResource().String()},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: plural.Group,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Kind: name, ListKind: name + "List", Plural: plural.Resource, Singular: singular.Resource,
			},
			Scope: scope,
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: plural.Version, Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: properties},
			}},
		},
	}, nil
}

// structural is a schema as a definition has to write it: whole, without references. The metadata of an object is
// the API server's own affair there. Defaults are left out: these are the zero values of Go, which nobody fills in
// where Calico's API server has them, and a definition would.
func (known schemas) structural(schema spec.Schema) (*spec.Schema, error) {
	name := schema.Ref.String()
	switch {
	case name == objectMeta:
		return (&spec.Schema{}).Typed("object", ""), nil
	case name != "":
		referred, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("no schema of %q", name)
		}
		return known.structural(referred.Schema)
	case schema.Format == "int-or-string":
		either := &spec.Schema{}
		either.AddExtension("x-kubernetes-int-or-string", true)
		return either, nil
	}
	schema.Default = nil
	properties := make(map[string]spec.Schema, len(schema.Properties))
	for name, property := range schema.Properties {
		whole, err := known.structural(property)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		properties[name] = *whole
	}
	schema.Properties = properties
	if schema.Items != nil {
		item, err := known.structural(*schema.Items.Schema)
		if err != nil {
			return nil, err
		}
		schema.Items = &spec.SchemaOrArray{Schema: item}
	}
	if schema.AdditionalProperties != nil {
		value, err := known.structural(*schema.AdditionalProperties.Schema)
		if err != nil {
			return nil, err
		}
		schema.AdditionalProperties = &spec.SchemaOrBool{Allows: true, Schema: value}
	}
	return &schema, nil
}

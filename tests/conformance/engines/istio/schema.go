package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/yaml"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"istio.io/istio/manifests"
)

// definitions is where Istio's module has its CRDs, which `helm install istio-base` installs.
const definitions = "charts/base/files/crd-all.gen.yaml"

// crdSchema does to a custom resource what the API server does on create with fieldValidation=Strict.
type crdSchema struct {
	structural *schema.Structural
	values     validation.SchemaValidator
	rules      *cel.Validator // nil where the CRD has none
}

// newCRDSchemas reads the schemas of these kinds, by "apiVersion kind".
func newCRDSchemas(kinds ...string) (map[string]*crdSchema, error) {
	content, err := manifests.FS.ReadFile(definitions)
	if err != nil {
		return nil, err
	}
	found := map[string]*crdSchema{}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 1<<20)
	for {
		crd := apiextensionsv1.CustomResourceDefinition{}
		if err := decoder.Decode(&crd); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, err
		}
		for _, kind := range kinds {
			if crd.Spec.Names.Kind != kind || crd.Spec.Group != group {
				continue
			}
			for _, v := range crd.Spec.Versions {
				if found[crd.Spec.Group+"/"+v.Name+" "+kind], err = newCRDSchema(v.Schema.OpenAPIV3Schema); err != nil {
					return nil, err
				}
			}
		}
	}
}

func newCRDSchema(served *apiextensionsv1.JSONSchemaProps) (*crdSchema, error) {
	internal := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(served, internal, nil); err != nil {
		return nil, err
	}
	structural, err := schema.NewStructural(internal)
	if err != nil {
		return nil, err
	}
	values, _, err := validation.NewSchemaValidator(internal)
	if err != nil {
		return nil, err
	}
	return &crdSchema{structural, values, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// admit fills in defaults, in place, and says what the API server would refuse. An unknown field is an error.
func (s *crdSchema) admit(object map[string]any) error {
	tracked := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	if unknown := pruning.PruneWithOptions(object, s.structural, true, tracked); len(unknown) > 0 {
		return fmt.Errorf("unknown field %s", strings.Join(unknown, ", "))
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(object, s.structural)
	defaulting.Default(object, s.structural)
	errs := validation.ValidateCustomResource(nil, object, s.values)
	if s.rules != nil && len(errs) == 0 {
		errs, _ = s.rules.Validate(context.Background(), nil, s.structural, object, nil, celconfig.RuntimeCELCostBudget)
	}
	return errs.ToAggregate()
}

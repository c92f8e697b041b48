package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client"
)

// crdSchema does to a custom resource what the API server does on create with fieldValidation=Strict, around
// the schema itself, which Cilium's own validator checks: unknown fields, defaults, CEL rules.
//
// Cilium's validator finds unknown fields too, but not those without a leaf (`ingres: [{}]`), and it runs no CEL
// (github.com/cilium/cilium v1.20.2, pkg/k8s/apis/cilium.io/v2/validator).
type crdSchema struct {
	structural *schema.Structural
	rules      *cel.Validator // nil where the CRD has none
}

func newCRDSchema(logger *slog.Logger, name string) (*crdSchema, error) {
	served := client.GetPregeneratedCRD(logger, name).Spec.Versions[0].Schema.OpenAPIV3Schema
	internal := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(served, internal, nil); err != nil {
		return nil, err
	}
	structural, err := schema.NewStructural(internal)
	if err != nil {
		return nil, err
	}
	return &crdSchema{structural, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// complete fills in defaults, in place. An unknown field is an error.
func (s *crdSchema) complete(object map[string]any) error {
	tracked := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	if unknown := pruning.PruneWithOptions(object, s.structural, true, tracked); len(unknown) > 0 {
		return fmt.Errorf("unknown field %s", strings.Join(unknown, ", "))
	}
	defaulting.Default(object, s.structural)
	return nil
}

func (s *crdSchema) checkRules(object map[string]any) error {
	if s.rules == nil {
		return nil
	}
	errs, _ := s.rules.Validate(
		context.Background(), nil, s.structural, object, nil, celconfig.RuntimeCELCostBudget,
	)
	return errs.ToAggregate()
}

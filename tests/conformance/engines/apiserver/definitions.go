package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	clientv1 "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

const serveLimit = time.Minute

// definitions are the CustomResourceDefinitions in force, and what the server serves on the whole.
type definitions struct {
	client    clientv1.CustomResourceDefinitionInterface
	discovery discovery.DiscoveryInterface
	objects   dynamic.Interface
	inForce   map[string]*apiextensionsv1.CustomResourceDefinition
	served    map[schema.GroupVersionKind]metav1.APIResource // what was asked for before
}

func newDefinitions(
	config *rest.Config, found discovery.DiscoveryInterface, objects dynamic.Interface,
) (*definitions, error) {
	client, err := clientset.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &definitions{
		client.ApiextensionsV1().CustomResourceDefinitions(),
		found,
		objects,
		map[string]*apiextensionsv1.CustomResourceDefinition{},
		map[schema.GroupVersionKind]metav1.APIResource{},
	}, nil
}

func (d *definitions) install(ctx context.Context, texts []string) error {
	wanted, err := parse(texts)
	if err != nil {
		return err
	}
	clear(d.served)
	for _, name := range slices.Sorted(maps.Keys(d.inForce)) {
		if !reflect.DeepEqual(d.inForce[name], wanted[name]) {
			if err := d.remove(ctx, name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if d.inForce[name] != nil {
			continue
		}
		if err := d.add(ctx, wanted[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func parse(texts []string) (map[string]*apiextensionsv1.CustomResourceDefinition, error) {
	parsed := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, text := range texts {
		documents := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
		for {
			definition := &apiextensionsv1.CustomResourceDefinition{}
			err := documents.Decode(definition)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			if definition.Kind != "CustomResourceDefinition" {
				return nil, fmt.Errorf("a %q is not a CustomResourceDefinition", definition.Kind)
			}
			parsed[definition.Name] = definition
		}
	}
	return parsed, nil
}

// add waits until the server serves what was defined: it says that it will (Established) some time before it does.
func (d *definitions) add(ctx context.Context, definition *apiextensionsv1.CustomResourceDefinition) error {
	if _, err := d.client.Create(ctx, definition, metav1.CreateOptions{}); err != nil {
		return err
	}
	d.inForce[definition.Name] = definition
	return d.wait(ctx, definition, func(inDiscovery bool, listed error) (bool, error) {
		return inDiscovery && listed == nil, nil
	})
}

// remove waits until nothing of it is served any more: what comes next may bear the same name.
func (d *definitions) remove(ctx context.Context, name string) error {
	if err := d.client.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	definition := d.inForce[name]
	delete(d.inForce, name)
	return d.wait(ctx, definition, func(inDiscovery bool, listed error) (bool, error) {
		_, err := d.client.Get(ctx, name, metav1.GetOptions{})
		return apierrors.IsNotFound(err) && apierrors.IsNotFound(listed) && !inDiscovery, ignoreNotFound(err)
	})
}

// wait asks until it is enough, each time whether every version of it is in discovery and what came of listing them.
func (d *definitions) wait(
	ctx context.Context,
	definition *apiextensionsv1.CustomResourceDefinition,
	enough func(inDiscovery bool, listed error) (bool, error),
) error {
	return wait.PollUntilContextTimeout(ctx, poll, serveLimit, true, func(ctx context.Context) (bool, error) {
		for _, version := range definition.Spec.Versions {
			if !version.Served {
				continue
			}
			served := schema.GroupVersion{Group: definition.Spec.Group, Version: version.Name}
			_, unknown := d.find(served.WithKind(definition.Spec.Names.Kind))
			resource := served.WithResource(definition.Spec.Names.Plural)
			_, listed := d.objects.Resource(resource).List(ctx, metav1.ListOptions{Limit: 1})
			if is, err := enough(unknown == nil, listed); err != nil || !is {
				return false, err
			}
		}
		return true, nil
	})
}

// resource tells what a kind's objects are called in paths, and whether they are in namespaces.
func (d *definitions) resource(kind schema.GroupVersionKind) (schema.GroupVersionResource, bool, error) {
	known, ok := d.served[kind]
	if !ok {
		var err error
		if known, err = d.find(kind); err != nil {
			return schema.GroupVersionResource{}, false, err
		}
		d.served[kind] = known
	}
	return kind.GroupVersion().WithResource(known.Name), known.Namespaced, nil
}

func (d *definitions) find(kind schema.GroupVersionKind) (metav1.APIResource, error) {
	list, err := d.discovery.ServerResourcesForGroupVersion(kind.GroupVersion().String())
	if err != nil {
		return metav1.APIResource{}, fmt.Errorf("%s: %w", kind, err)
	}
	for _, resource := range list.APIResources {
		// Those with a slash are subresources, such as status, of the same kind.
		if resource.Kind == kind.Kind && !strings.Contains(resource.Name, "/") {
			return resource, nil
		}
	}
	return metav1.APIResource{}, fmt.Errorf("the server knows no kind %s", kind)
}

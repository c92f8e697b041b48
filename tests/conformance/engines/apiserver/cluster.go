package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
)

type outcome string

const (
	created   outcome = "created"
	changed   outcome = "changed"
	unchanged outcome = "unchanged"
	refused   outcome = "refused"
)

// applied is what became of one manifest.
type applied struct {
	Outcome  outcome  `json:"outcome"`
	Code     int32    `json:"code,omitempty"` // the HTTP status of what was refused
	Error    string   `json:"error,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// manifest is what has to be known of one to send it; the rest goes to the server as it came.
type manifest struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
}

// place is where objects are that can be deleted together: those of a resource in a namespace.
type place struct {
	resource  schema.GroupVersionResource
	namespace string
}

// cluster is the server as its only client sees it.
type cluster struct {
	objects     dynamic.Interface
	namespaces  corev1client.NamespaceInterface
	definitions *definitions
	warnings    *warnings
	filled      map[place]map[string]bool // what was applied, by name
	made        map[string]bool           // the namespaces that were made or applied
}

func newCluster(config *rest.Config) (*cluster, error) {
	heard := &warnings{}
	config = rest.CopyConfig(config)
	config.QPS = -1 // no limit: the server is there for this client alone
	config.WarningHandler = heard
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	defined, err := newDefinitions(config, typed.Discovery(), objects)
	if err != nil {
		return nil, err
	}
	return &cluster{
		objects, typed.CoreV1().Namespaces(), defined, heard, map[place]map[string]bool{}, map[string]bool{},
	}, nil
}

// install clears first: to remove a definition that has objects takes the server five seconds.
func (c *cluster) install(texts []string) error {
	if err := c.clear(); err != nil {
		return err
	}
	return c.definitions.install(context.Background(), texts)
}

// apply goes on after a refusal: each manifest has an answer of its own.
func (c *cluster) apply(manager string, documents []json.RawMessage) ([]applied, error) {
	if manager == "" {
		return nil, errors.New("no manager is named")
	}
	outcomes := make([]applied, len(documents))
	for i, document := range documents {
		c.warnings.heard = nil
		became, err := c.applyOne(context.Background(), manager, document)
		if err != nil {
			outcomes[i] = refusal(err)
		} else {
			outcomes[i].Outcome = became
		}
		outcomes[i].Warnings = c.warnings.heard
	}
	return outcomes, nil
}

func refusal(err error) applied {
	// What is refused here and not by the server was never a request to it.
	code := int32(http.StatusBadRequest)
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		code = status.Status().Code
	}
	return applied{Outcome: refused, Code: code, Error: err.Error()}
}

func (c *cluster) applyOne(ctx context.Context, manager string, document json.RawMessage) (outcome, error) {
	var m manifest
	if err := json.Unmarshal(document, &m); err != nil {
		return "", err
	}
	if m.Metadata.Name == "" {
		return "", errors.New("a manifest without a name")
	}
	resource, namespaced, err := c.definitions.resource(m.GroupVersionKind())
	if err != nil {
		return "", err
	}
	if named := m.Metadata.Namespace; namespaced != (named != "") {
		return "", fmt.Errorf("namespace %q for one of %s (namespaced: %t)", named, resource.Resource, namespaced)
	}
	where := place{resource, m.Metadata.Namespace}
	if namespaced {
		if err := c.ensureNamespace(ctx, where.namespace); err != nil {
			return "", err
		}
	}
	return c.patch(ctx, manager, where, m.Metadata.Name, document)
}

// patch is the server-side apply itself, between two looks at the object's resource version.
func (c *cluster) patch(
	ctx context.Context, manager string, where place, name string, document json.RawMessage,
) (outcome, error) {
	objects := c.at(where)
	before, err := objects.Get(ctx, name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return "", err
	}
	after, err := c.send(ctx, objects, manager, name, document)
	if err != nil {
		return "", err
	}
	c.remember(where, name)
	switch {
	case before == nil:
		return created, nil
	case before.GetResourceVersion() == after.GetResourceVersion():
		return unchanged, nil
	}
	return changed, nil
}

// send asks again while the server takes the namespace for the one that was deleted: admission looks into a cache of
// namespaces, which hears of a new one of the same name some time after it was made.
func (c *cluster) send(
	ctx context.Context, objects dynamic.ResourceInterface, manager, name string, document json.RawMessage,
) (*unstructured.Unstructured, error) {
	var after *unstructured.Unstructured
	var refused error
	err := wait.PollUntilContextTimeout(ctx, poll, serveLimit, true, func(ctx context.Context) (bool, error) {
		c.warnings.heard = nil
		after, refused = objects.Patch(ctx, name, types.ApplyPatchType, document, metav1.PatchOptions{
			FieldManager:    manager,
			FieldValidation: metav1.FieldValidationStrict,
		})
		return !apierrors.HasStatusCause(refused, corev1.NamespaceTerminatingCause), nil
	})
	if err != nil {
		return nil, errors.Join(err, refused)
	}
	return after, refused
}

func (c *cluster) at(where place) dynamic.ResourceInterface {
	if where.namespace == "" {
		return c.objects.Resource(where.resource)
	}
	return c.objects.Resource(where.resource).Namespace(where.namespace)
}

var namespacesResource = corev1.SchemeGroupVersion.WithResource("namespaces")

func (c *cluster) remember(where place, name string) {
	if where.resource == namespacesResource {
		c.made[name] = true
		return
	}
	if c.filled[where] == nil {
		c.filled[where] = map[string]bool{}
	}
	c.filled[where][name] = true
}

func (c *cluster) ensureNamespace(ctx context.Context, name string) error {
	if c.made[name] {
		return nil
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := c.namespaces.Create(ctx, namespace, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	c.made[name] = true
	return nil
}

func (c *cluster) clear() error {
	ctx := context.Background()
	for where, names := range c.filled {
		if err := c.empty(ctx, where, names); err != nil {
			return err
		}
		delete(c.filled, where)
	}
	for name := range c.made {
		if err := c.deleteNamespace(ctx, name); err != nil {
			return err
		}
		delete(c.made, name)
	}
	return nil
}

// empty deletes what is in a namespace at once, and what is in none by name: not all of that is ours.
// A resource that is not there any more went with its definition, and its objects with it.
func (c *cluster) empty(ctx context.Context, where place, names map[string]bool) error {
	if where.namespace != "" {
		err := c.at(where).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
		return ignoreNotFound(err)
	}
	for name := range names {
		if err := ignoreNotFound(c.at(where).Delete(ctx, name, metav1.DeleteOptions{})); err != nil {
			return err
		}
	}
	return nil
}

// deleteNamespace does what the namespace controller would, which is no part of an API server: when a namespace is
// empty, it takes away the finalizer that keeps it. The server's own namespaces cannot be deleted, and stay.
func (c *cluster) deleteNamespace(ctx context.Context, name string) error {
	err := c.namespaces.Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	namespace, err := c.namespaces.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return ignoreNotFound(err)
	}
	namespace.Spec.Finalizers = nil
	_, err = c.namespaces.Finalize(ctx, namespace, metav1.UpdateOptions{})
	return ignoreNotFound(err)
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// warnings keeps what the server said in Warning headers.
type warnings struct {
	heard []string
}

func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.heard = append(w.heard, strings.TrimSpace(text))
}

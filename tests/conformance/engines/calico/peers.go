package main

import (
	"errors"
	"fmt"
	"maps"
	"net"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/projectcalico/calico/libcalico-go/lib/backend/k8s/conversion"
	"github.com/projectcalico/calico/libcalico-go/lib/backend/model"
)

// peer is one end of a connection: a pod where it has a namespace, else an address that is no pod's.
type peer struct {
	Namespace       string            `json:"namespace"`
	NamespaceLabels map[string]string `json:"namespaceLabels"`
	Labels          map[string]string `json:"labels"`
	ServiceAccount  string            `json:"serviceAccount"`
	Ports           []namedPort       `json:"ports"`
	IP              string            `json:"ip"`
}

type namedPort struct {
	Name     string          `json:"name"`
	Port     int32           `json:"port"`
	Protocol corev1.Protocol `json:"protocol"`
}

// uid stands for all: Calico's converter wants one, and no meaning hangs on it.
const uid = "00000000-0000-4000-8000-000000000000"

// population tells Felix about pods, and what they are in and run as.
type population struct {
	felix      *felix
	namespaces map[string]map[string]string // their labels
	accounts   map[string]bool
	addresses  map[string]int
}

func (p *population) add(number int, one peer) error {
	ip := net.ParseIP(one.IP)
	if ip == nil {
		return fmt.Errorf("ip %q is not an address", one.IP)
	}
	if other, ok := p.addresses[ip.String()]; ok {
		return fmt.Errorf("has the address of peer %d", other)
	}
	p.addresses[ip.String()] = number
	if one.Namespace == "" {
		if len(one.Labels)+len(one.NamespaceLabels)+len(one.Ports) > 0 || one.ServiceAccount != "" {
			return errors.New("what only a pod has, without a namespace")
		}
		return nil
	}
	if err := p.addNamespace(one); err != nil {
		return err
	}
	if one.ServiceAccount == "" {
		one.ServiceAccount = "default" // as the API server has it
	}
	if err := p.addAccount(one); err != nil {
		return err
	}
	pairs, err := conversion.NewWorkloadEndpointConverter().PodToWorkloadEndpoints(one.pod(number))
	if err != nil {
		return err
	}
	return p.send(pairs...)
}

func (p *population) addNamespace(one peer) error {
	// The API server writes the label kubernetes.io/metadata.name into each namespace, over any other value.
	labels := map[string]string{}
	maps.Copy(labels, one.NamespaceLabels)
	labels[corev1.LabelMetadataName] = one.Namespace
	if known, ok := p.namespaces[one.Namespace]; ok {
		if !maps.Equal(known, labels) {
			return fmt.Errorf("the namespace %s has other labels already", one.Namespace)
		}
		return nil
	}
	p.namespaces[one.Namespace] = labels
	profile, err := conversion.NewConverter().NamespaceToProfile(
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: one.Namespace, UID: uid, Labels: labels}},
	)
	if err != nil {
		return err
	}
	return p.send(profile)
}

func (p *population) addAccount(one peer) error {
	name := one.Namespace + "/" + one.ServiceAccount
	if p.accounts[name] {
		return nil
	}
	p.accounts[name] = true
	meta := metav1.ObjectMeta{Namespace: one.Namespace, Name: one.ServiceAccount, UID: uid}
	profile, err := conversion.NewConverter().ServiceAccountToProfile(&corev1.ServiceAccount{ObjectMeta: meta})
	if err != nil {
		return err
	}
	return p.send(profile)
}

func (p *population) send(pairs ...*model.KVPair) error {
	for _, pair := range pairs {
		if err := p.felix.add(pair); err != nil {
			return err
		}
	}
	return nil
}

func (p peer) pod(number int) *corev1.Pod {
	container := corev1.Container{Name: "main"}
	for _, port := range p.Ports {
		container.Ports = append(container.Ports, corev1.ContainerPort{
			Name: port.Name, ContainerPort: port.Port, Protocol: port.Protocol,
		})
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: podName(number), UID: uid, Labels: p.Labels},
		Spec: corev1.PodSpec{
			NodeName: node, ServiceAccountName: p.ServiceAccount, Containers: []corev1.Container{container},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: p.IP, PodIPs: []corev1.PodIP{{IP: p.IP}},
		},
	}
}

func podName(number int) string { return fmt.Sprintf("pod-%d", number) }

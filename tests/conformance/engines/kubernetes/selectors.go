package main

import (
	"strconv"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// selectors decides by the API's own code which labels a selector selects, because cyclonus v0.5.6
// (pkg/kube/labelselector.go) does it otherwise in two cases: for it NotIn asks for the key to be there, and
// `matchLabels: {key: ""}` does not.
//
// Each selector becomes a number. In the policies that cyclonus sees, selector 7 reads
// `matchLabels: {"7": "selected"}`, and each pod and namespace that it sees carries the numbers of the
// selectors that select it: a form in which the two agree.
type selectors struct {
	compiled []labels.Selector
	numbers  map[string]int // by the selector's canonical text: equal selectors share a number
}

const selected = "selected"

func newSelectors() *selectors {
	return &selectors{numbers: map[string]int{}}
}

// replaceIn puts a number in place of every selector of a policy.
func (s *selectors) replaceIn(np *networkingv1.NetworkPolicy) error {
	all := []*metav1.LabelSelector{&np.Spec.PodSelector}
	add := func(peers []networkingv1.NetworkPolicyPeer) {
		for _, p := range peers {
			all = append(all, p.PodSelector, p.NamespaceSelector)
		}
	}
	for _, rule := range np.Spec.Ingress {
		add(rule.From)
	}
	for _, rule := range np.Spec.Egress {
		add(rule.To)
	}
	for _, selector := range all {
		if err := s.replace(selector); err != nil {
			return err
		}
	}
	return nil
}

// replace leaves nil and {} as they are: to cyclonus they are forms of their own, and as the API means them.
func (s *selectors) replace(selector *metav1.LabelSelector) error {
	if selector == nil || len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		return nil
	}
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return err
	}
	number, ok := s.numbers[compiled.String()]
	if !ok {
		number = len(s.compiled)
		s.numbers[compiled.String()] = number
		s.compiled = append(s.compiled, compiled)
	}
	*selector = metav1.LabelSelector{MatchLabels: map[string]string{strconv.Itoa(number): selected}}
	return nil
}

// selecting gives the numbers of the selectors that select these labels, as labels.
func (s *selectors) selecting(set map[string]string) map[string]string {
	numbers := map[string]string{}
	for number, selector := range s.compiled {
		if selector.Matches(labels.Set(set)) {
			numbers[strconv.Itoa(number)] = selected
		}
	}
	return numbers
}

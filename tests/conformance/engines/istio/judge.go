package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/config"
)

// connection is one connection as the target's sidecar has it. Port is the workload's own.
type connection struct {
	Target    workload     `json:"target"`
	Port      uint32       `json:"port"`
	Principal string       `json:"principal"` // empty: plain text
	Address   string       `json:"address"`
	HTTP      *httpRequest `json:"http"` // nil: raw TCP
}

type httpRequest struct {
	Method string `json:"method"`
	Path   string `json:"path"` // with its query, as it is after Envoy has normalised it
	Host   string `json:"host"`
}

type verdict struct {
	Allowed bool   `json:"allowed"`
	Mode    string `json:"mode"`
	Policy  string `json:"policy"`
	Error   string `json:"error,omitempty"`
}

type judge struct {
	reader    *reader
	push      *model.PushContext   // nil until something is loaded, and after a load that failed
	workloads map[string]*endpoint // of what is loaded, as they were asked
}

func newJudge() (*judge, error) {
	r, err := newReader()
	return &judge{reader: r}, err
}

func (j *judge) validate(contents []json.RawMessage) map[string]any {
	findings := make([]finding, len(contents))
	for i, content := range contents {
		_, warnings, err := j.reader.admit(content)
		findings[i] = finding{"", append([]string{}, warnings...)}
		if err != nil {
			findings[i].Error = err.Error()
		}
	}
	return map[string]any{"findings": findings}
}

// load replaces what is loaded. One bad document refuses them all.
func (j *judge) load(m mesh, contents []json.RawMessage) error {
	j.push, j.workloads = nil, nil
	configs := make([]config.Config, len(contents))
	for i, content := range contents {
		c, _, err := j.reader.admit(content)
		if err != nil {
			return fmt.Errorf("policy %d: %w", i, err)
		}
		c.CreationTimestamp = born(i)
		configs[i] = *c
	}
	p, err := push(m, configs)
	if err != nil {
		return err // a second object of one name
	}
	j.push, j.workloads = p, map[string]*endpoint{}
	return nil
}

func (j *judge) ask(connections []connection) (map[string]any, error) {
	verdicts := make([]verdict, len(connections))
	for i, c := range connections {
		e, err := j.endpoint(c.Target)
		if err != nil {
			return nil, fmt.Errorf("connection %d: %w", i, err)
		}
		verdicts[i] = e.judge(c)
	}
	return map[string]any{"verdicts": verdicts}, nil
}

func (j *judge) filters(w workload, ports []uint32) (any, error) {
	e, err := j.endpoint(w)
	if err != nil {
		return nil, err
	}
	return e.written(ports)
}

// endpoint is the workload with what istiod sends to it, made once.
func (j *judge) endpoint(w workload) (*endpoint, error) {
	if j.push == nil {
		return nil, errors.New("no policies are loaded")
	}
	key := w.key()
	if e, ok := j.workloads[key]; ok {
		return e, nil
	}
	e, err := newEndpoint(j.push, w)
	if err == nil {
		j.workloads[key] = e
	}
	return e, err
}

func (w workload) key() string {
	pairs := make([]string, 0, len(w.Labels))
	for k, v := range w.Labels {
		pairs = append(pairs, k+"="+v)
	}
	sort.Strings(pairs)
	return w.Namespace + "," + strings.Join(pairs, ",")
}

// Command istio is the conformance tests' judge of Istio's sidecar mode.
//
// It links istio.io/istio v0.0.0-20260827124520-eed52ebb66ad (the line of 1.31) and asks Istio's own code. What an
// object is, and whether the API server takes it, is decided by the CRD that Istio installs (schema, pruning, CEL) and
// by its webhook (pkg/config/validation); which policies a workload has, by pilot/pkg/model; what the sidecar lets
// through, by the RBAC filters that istiod would send to it (pilot/pkg/security/authz/builder) and by the mTLS mode of
// the port (pilot/pkg/security/authn). There is no Envoy: how Envoy reads those filters is repeated here (walk.go,
// template.go), and a real Envoy confirms it in the tests, over mTLS with certificates made here (certificates.go).
//
// It reads one JSON request a line and answers each with one JSON line, until its input ends:
//
//	{"op": "version"}                              {"go": "go1.26.8", "modules": {"istio.io/istio": …}}
//	{"op": "validate", "documents": [DOCUMENT, …]} {"findings": [{"error": "", "warnings": ["…"]}, …]}
//	{"op": "load", "mesh": MESH,
//	 "documents": [DOCUMENT, …]}                   {"ok": true}
//	{"op": "ask", "connections": [CONNECTION, …]}  {"verdicts": [VERDICT, …]}
//	{"op": "filters", "workload": WORKLOAD,
//	 "ports": [8080]}                              {"http": [FILTER, …], "tcp": [FILTER, …], "modes": ["STRICT"]}
//	{"op": "certificates", "names": ["spiffe://…"]} {"authority": PEM, "certificates": [{"chain": PEM, "key": PEM}]}
//
// or with {"error": "…"}. AuthorizationPolicy and PeerAuthentication are taken, in the order of their creation.
//
// MESH is {"rootNamespace", "trustDomain"}. A WORKLOAD is {"namespace", "labels"}, and has a sidecar.
//
// A CONNECTION is {"target": WORKLOAD, "port", "principal", "address", "http"}: the port is the workload's own; the
// principal is the client's SPIFFE identity, or empty for plain text; the address is what the sidecar sees; http is
// {"method", "path", "host"} for a port that Istio takes for HTTP, or null for raw TCP.
//
// A VERDICT is {"allowed", "mode", "policy", "error"}: mode is the port's mTLS mode, policy is the rule that decided,
// empty where there is none; error is a filter that is not understood here, and then there is no verdict.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"istio.io/istio/pkg/log"
)

type request struct {
	Op          string            `json:"op"`
	Mesh        mesh              `json:"mesh"`
	Documents   []json.RawMessage `json:"documents"`
	Connections []connection      `json:"connections"`
	Workload    workload          `json:"workload"`
	Ports       []uint32          `json:"ports"`
	Names       []string          `json:"names"`
}

type version struct {
	Go      string            `json:"go"`
	Modules map[string]string `json:"modules"`
}

type failure struct {
	Error string `json:"error"`
}

type loaded struct {
	OK bool `json:"ok"`
}

// answer never panics: a judge that dies says nothing about the object that killed it.
func answer(j *judge, line []byte) (reply any) {
	defer func() {
		if p := recover(); p != nil {
			reply = failure{fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	r := request{}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return failure{err.Error()}
	}
	reply, err := dispatch(j, r)
	if err != nil {
		return failure{err.Error()}
	}
	return reply
}

func dispatch(j *judge, r request) (any, error) {
	switch r.Op {
	case "version":
		return versions(), nil
	case "validate":
		return j.validate(r.Documents), nil
	case "load":
		return loaded{true}, j.load(r.Mesh, r.Documents)
	case "ask":
		return j.ask(r.Connections)
	case "filters":
		return j.filters(r.Workload, r.Ports)
	case "certificates":
		return issue(r.Names)
	}
	return nil, fmt.Errorf("unknown op %q", r.Op)
}

// versions tells what was linked, from the binary itself and not from what go.mod wished for.
func versions() version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		panic("built without module information")
	}
	v := version{info.GoVersion, map[string]string{}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		v.Modules[m.Path] = m.Version
	}
	return v
}

// quiet keeps Istio's own log off the output, where the replies are.
func quiet() error {
	options := log.DefaultOptions()
	options.SetDefaultOutputLevel(log.OverrideScopeName, log.ErrorLevel)
	options.OutputPaths = []string{"stderr"}
	return log.Configure(options)
}

func serve(in io.Reader, out io.Writer) error {
	if err := quiet(); err != nil {
		return err
	}
	j, err := newJudge()
	if err != nil {
		return err
	}
	lines, replies := bufio.NewReader(in), json.NewEncoder(out)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := replies.Encode(answer(j, line)); err != nil {
			return err
		}
	}
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "istio judge:", err)
		os.Exit(1)
	}
}

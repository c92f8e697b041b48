// Command calico is the conformance tests' judge of Calico's policies.
//
// It links github.com/projectcalico/calico and github.com/projectcalico/api at v3.31.0 and asks Calico's own code.
// What an object is, and whether the API server takes it, is decided by the types of projectcalico.org/v3, decoded
// strictly, and by what clientv3 does before it stores (libcalico-go/lib/clientv3: defaults, lib/validator/v3, the
// names of tiers); whether Felix keeps it, by Felix's own filter (felix/calc, ValidationFilter). Which policies are
// in force at a pod, and in which order, is decided by Felix's calculation graph (felix/calc); which connections
// pass, by the checker that Calico's own flow logs and its Envoy filter ask (app-policy/checker). There is no
// datapath: no Services and their translation, no ICMP, no host endpoints, no node.
//
// It reads one JSON request a line and answers each with one JSON line, until its input ends:
//
//	{"op": "version"}                               {"go": "go1.26.8", "modules": {"github.com/projectcalico/api": …}}
//	{"op": "load", "objects": [OBJECT, …]}          {"ok": true}
//	{"op": "ask", "peers": [PEER, …],
//	 "queries": [QUERY, …]}                         {"verdicts": [{"egress": END, "ingress": END}, …]}
//	{"op": "definitions"}                           {"definitions": {"networkpolicies": "TEXT", …}}
//
// or with {"error": "…"}, and {"error": "…", "warnings": ["…"]} where Calico takes an object but warns of it.
//
// An OBJECT is a Tier, NetworkPolicy, GlobalNetworkPolicy, NetworkSet or GlobalNetworkSet of projectcalico.org/v3;
// a staged policy, which has to be valid and enforces nothing; or a NetworkPolicy of networking.k8s.io/v1, of which
// only what Calico makes of it is judged here. The tiers that Calico makes by itself are there. A tier may stand
// behind the policies that are in it.
//
// A PEER is a pod {"namespace", "namespaceLabels", "labels", "serviceAccount", "ip",
// "ports": [{"name", "port", "protocol"}]}, or an address that is no pod's {"ip"}.
//
// A QUERY is {"source": 0, "target": 1, "protocol": "TCP", "port": 80}, its ends by their place in peers, and the
// request that it carries if that is asked: "http": {"method": "GET", "path": "/"}. The port is the target's own, as
// Services are translated before policy is applied. Without a request, a rule about HTTP matches the whole port, as
// it does where nothing but Felix enforces.
//
// An END is {"allowed": true, "trace": ["default shop/web 0 Allow"]}: the rules that matched, and the last one
// decides. An address is governed by nothing, and allows everything.
//
// A TEXT is a CustomResourceDefinition of NetworkPolicy, GlobalNetworkPolicy or Tier of projectcalico.org/v3, as JSON:
// what pkg/openapi of the api module says of that kind, which is what Calico's own API server serves, in the words of
// apiextensions.k8s.io/v1. No definition of Calico's own has a part in it.
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
)

type request struct {
	Op      string            `json:"op"`
	Objects []json.RawMessage `json:"objects"`
	Peers   []peer            `json:"peers"`
	Queries []query           `json:"queries"`
}

type version struct {
	Go      string            `json:"go"`
	Modules map[string]string `json:"modules"`
}

type failure struct {
	Error    string   `json:"error"`
	Warnings []string `json:"warnings,omitempty"`
}

type loaded struct {
	OK bool `json:"ok"`
}

type answered struct {
	Verdicts []verdict `json:"verdicts"`
}

type described struct {
	Definitions map[string]string `json:"definitions"`
}

// answer never panics: a judge that dies says nothing about the object that killed it.
func answer(j *judge, line []byte) (reply any) {
	defer func() {
		if p := recover(); p != nil {
			reply = failure{Error: fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	var r request
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return refused(err)
	}
	switch r.Op {
	case "version":
		return versions()
	case "load":
		if err := j.load(r.Objects); err != nil {
			return refused(err)
		}
		return loaded{true}
	case "ask":
		verdicts, err := j.ask(r.Peers, r.Queries)
		if err != nil {
			return refused(err)
		}
		return answered{verdicts}
	case "definitions":
		texts, err := definitions()
		if err != nil {
			return refused(err)
		}
		return described{texts}
	}
	return failure{Error: fmt.Sprintf("unknown op %q", r.Op)}
}

func refused(err error) failure {
	var warned warned
	errors.As(err, &warned)
	return failure{err.Error(), warned}
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

func serve(in io.Reader, out io.Writer) error {
	j := newJudge()
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
		fmt.Fprintln(os.Stderr, "calico judge:", err)
		os.Exit(1)
	}
}

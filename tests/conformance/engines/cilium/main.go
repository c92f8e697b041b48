// Command cilium is the conformance tests' judge of CiliumNetworkPolicy.
//
// It links github.com/cilium/cilium v1.20.2 and asks the agent's own code. What an object is, and whether the
// API server takes it, is decided by the CRD that Cilium installs (schema, pruning, CEL) and by the agent's
// parser (pkg/k8s/apis/cilium.io/v2, pkg/policy/api); which connections pass, by the policy repository
// (pkg/policy); what a redirected connection may ask for, by the policy that the agent would send to Envoy
// (pkg/envoy) and by the DNS proxy (pkg/fqdn/dnsproxy). There is no Envoy and no datapath: how Envoy reads its
// policy is repeated here after github.com/cilium/proxy, cilium/network_policy.cc, of the version that Cilium
// v1.20.2 requires (envoy.go).
//
// It reads one JSON request a line and answers each with one JSON line, until its input ends:
//
//	{"op": "version"}                               {"go": "go1.26.8", "modules": {"github.com/cilium/cilium": …}}
//	{"op": "load", "options": OPTIONS,
//	 "policies": [CiliumNetworkPolicy, …]}          {"ok": true}
//	{"op": "ask", "peers": [PEER, …],
//	 "queries": [QUERY, …]}                         {"verdicts": [{"egress": END, "ingress": END}, …],
//	                                                 "endpoints": [ENDPOINT, …]}
//
// or with {"error": "…"}, and {"error": "…", "warnings": ["…"]} where Cilium takes a policy but warns of it.
// NetworkPolicy and CiliumClusterwideNetworkPolicy are taken too. What a native NetworkPolicy is, another
// engine decides: of those only what Cilium makes of them is judged here.
//
// OPTIONS are the agent's, by default as the agent runs under Kubernetes (see options).
//
// A PEER is a pod {"namespace", "namespaceLabels", "labels", "serviceAccount", "cluster",
// "ports": [{"name", "port", "protocol"}]}, an address outside {"ip", "names", "reserved"}, where names are
// what was resolved to reach it, or what Cilium has reserved an identity for {"reserved": ["host"], "labels"}.
//
// A QUERY is {"source": 0, "target": 1, "protocol": "TCP", "port": 80}, its ends by their place in peers, and
// what the connection carries if anything: "http": {"method", "path", "host", "headers"}, "dns": "a name",
// "serverName": "a name". The port is the target's own, as Services are translated before policy is applied.
//
// An END is {"allowed": true, "proxy": "", "authentication": "", "policies": ["CiliumNetworkPolicy shop/web"]}
// and, where a proxy decides, its answers "http", "dns" and "serverName". An end that no policy of this cluster
// governs (an address outside, a node, a pod of another cluster) allows everything.
//
// An ENDPOINT says for each peer that policies govern: {"entries": 5, "ingress": true, "egress": false}, the
// size of its policy map and the directions enforced; or {"error": "…"} where Cilium cannot compute its policy.
// That endpoint's ends carry the same error and no verdict.
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
	Op       string            `json:"op"`
	Options  options           `json:"options"`
	Policies []json.RawMessage `json:"policies"`
	Peers    []peer            `json:"peers"`
	Queries  []query           `json:"queries"`
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

// answer never panics: a judge that dies says nothing about the object that killed it.
func answer(j *judge, line []byte) (reply any) {
	defer func() {
		if p := recover(); p != nil {
			reply = failure{Error: fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	r := request{Options: defaultOptions()}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return refused(err)
	}
	switch r.Op {
	case "version":
		return versions()
	case "load":
		if err := j.load(r.Options, r.Policies); err != nil {
			return refused(err)
		}
		return loaded{true}
	case "ask":
		answered, err := j.ask(r.Peers, r.Queries)
		if err != nil {
			return refused(err)
		}
		return answered
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
		fmt.Fprintln(os.Stderr, "cilium judge:", err)
		os.Exit(1)
	}
}

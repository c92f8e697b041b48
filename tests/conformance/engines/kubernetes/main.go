// Command kubernetes is the conformance tests' judge of native NetworkPolicy.
//
// What an object is, and whether it is valid, is decided by the API server's own code
// (k8s.io/kubernetes v1.37.2: strict decoding, defaults, validation); what a label selector selects, by
// k8s.io/apimachinery; which connections pass, by the matcher of github.com/mattfenwick/cyclonus v0.5.6.
//
// It reads one JSON request a line and answers each with one JSON line, until its input ends:
//
//	{"op": "version"}                                   {"go": "go1.26.8", "modules": {"k8s.io/api": "v0.37.2", …}}
//	{"op": "load", "policies": [NetworkPolicy, …]}      {"ok": true}
//	{"op": "ask", "peers": [PEER, …],
//	 "queries": [{"source": 0, "target": 1,
//	              "protocol": "TCP", "port": 80,
//	              "portName": "http"}, …]}              {"verdicts": [{"ingress": true, "egress": false}, …]}
//
// or with {"error": "…"}. A PEER is a pod {"namespace", "namespaceLabels", "labels", "ip"} or an outside
// address {"ip"}. A query names its ends by their place in peers; portName is what the target calls that
// port, if anything. A pod that talks to itself cannot be asked about: two equal peers are two pods.
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
	Policies []json.RawMessage `json:"policies"`
	Peers    []peer            `json:"peers"`
	Queries  []query           `json:"queries"`
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

type answered struct {
	Verdicts []verdict `json:"verdicts"`
}

// answer never panics: cyclonus does on objects that it takes for impossible, and a judge that dies says
// nothing about the object that killed it.
func answer(j *judge, line []byte) (reply any) {
	defer func() {
		if p := recover(); p != nil {
			reply = failure{fmt.Sprintf("panic: %v", p)}
		}
	}()
	var r request
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return failure{err.Error()}
	}
	switch r.Op {
	case "version":
		return versions()
	case "load":
		if err := j.load(r.Policies); err != nil {
			return failure{err.Error()}
		}
		return loaded{true}
	case "ask":
		verdicts, err := j.ask(r.Peers, r.Queries)
		if err != nil {
			return failure{err.Error()}
		}
		return answered{verdicts}
	}
	return failure{fmt.Sprintf("unknown op %q", r.Op)}
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
		fmt.Fprintln(os.Stderr, "kubernetes judge:", err)
		os.Exit(1)
	}
}

// Command kafka is the conformance tests' judge of Kafka topics, which Cilium has rules for up to 1.19.
//
// It links github.com/cilium/cilium v1.15.19 and the module github.com/cilium/proxy that it requires. What a
// CiliumNetworkPolicy is, is decided by that version's types, decoded strictly, and its own parser; which packets
// pass and which are redirected, by its policy repository and policy map; whether a redirected connection may carry
// a request, by the library of Cilium's Kafka proxy (proxylib/kafka/kafkalib), which reads the request's bytes
// itself. Two things between these are repeated here: how the datapath, in C, looks into the policy map
// (endpoint.go), and what stands between the policy and a Kafka rule (proxy.go).
//
// It reads one JSON request a line and answers each with one JSON line, until its input ends:
//
//	{"op": "version"}                               {"go": "go1.26.8", "modules": {"github.com/cilium/cilium": …}}
//	{"op": "load",
//	 "policies": [CiliumNetworkPolicy, …]}          {"ok": true}
//	{"op": "ask", "pods": [POD, …],
//	 "queries": [QUERY, …]}                         {"verdicts": [{"egress": END, "ingress": END}, …]}
//
// or with {"error": "…"}, and {"error": "…", "warnings": ["…"]} where Cilium takes a policy but warns of it.
//
// A POD is {"namespace", "labels", "cluster"}. Those of another cluster than "default" are peers only.
//
// A QUERY is {"source": 0, "target": 1, "port": 9092, "request": {"key": "produce", "topics":
// ["orders"]}}, its ends by their place in pods, over TCP. The key is a name that Cilium has for it, or a number
// where it has none. Without a request only packets are asked for.
//
// An END is {"allowed": true, "proxy": "kafka", "request": false}: whether packets pass, the parser that they are
// redirected to if any, and the Kafka parser's answer to the request, null where it was not asked. An end that no
// policy of this cluster governs allows everything. {"error": "…"}: Cilium cannot compute this end's policy.
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
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/cilium/cilium/pkg/logging"
)

type request struct {
	Op       string            `json:"op"`
	Policies []json.RawMessage `json:"policies"`
	Pods     []pod             `json:"pods"`
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

// warnings is what Cilium logs as a warning or worse, which in an agent's log nobody reads.
type warnings []string

func (w *warnings) Levels() []logrus.Level {
	return []logrus.Level{logrus.PanicLevel, logrus.FatalLevel, logrus.ErrorLevel, logrus.WarnLevel}
}

func (w *warnings) Fire(entry *logrus.Entry) error {
	*w = append(*w, fmt.Sprintf("%s %v", entry.Message, entry.Data))
	return nil
}

// take gives what was logged since it was last asked, as an error; nil where nothing was.
func (w *warnings) take() error {
	taken := *w
	if *w = nil; len(taken) == 0 {
		return nil
	}
	return taken
}

func (w warnings) Error() string { return "Cilium warns: " + strings.Join(w, "; ") }

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
		if err := j.load(r.Policies); err != nil {
			return refused(err)
		}
		return loaded{true}
	case "ask":
		answered, err := j.ask(r.Pods, r.Queries)
		if err != nil {
			return refused(err)
		}
		return answered
	}
	return failure{Error: fmt.Sprintf("unknown op %q", r.Op)}
}

func refused(err error) failure {
	var warned warnings
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
	collected := &warnings{}
	for _, logger := range []*logrus.Logger{logging.DefaultLogger, logrus.StandardLogger()} {
		logger.AddHook(collected)
		logger.SetOutput(io.Discard)
	}
	j, err := newJudge(collected)
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
		fmt.Fprintln(os.Stderr, "kafka judge:", err)
		os.Exit(1)
	}
}

// Command apiserver is the conformance tests' API server: a real one, with its etcd, in this process.
//
// It links k8s.io/kubernetes v1.37.2 `cmd/kube-apiserver` and go.etcd.io/etcd v3.7.0, and runs them with the settings
// that kube-apiserver has by default, on loopback, in a temporary directory that is gone when the program ends.
// There is no kubelet, no scheduler and no controller but the API server's own.
//
// It reads one JSON request a line and answers each with one JSON line, until its input ends:
//
//	{"op": "version"}                        {"go": "go1.26.8", "modules": {"k8s.io/kubernetes": "v1.37.2", …}}
//	{"op": "install", "crds": ["TEXT", …]}   {"ok": true}
//	{"op": "apply", "manager": "zt_dsl",
//	 "manifests": [MANIFEST, …]}             {"applied": [APPLIED, …]}
//	{"op": "clear"}                          {"ok": true}
//
// or with {"error": "…"}.
//
// install clears (see below), and puts these CustomResourceDefinitions in force and no others. A TEXT is a file as
// upstream ships it, of YAML or JSON documents. A definition that is in force already stays; another is deleted. It
// answers when the server serves what is asked for, and of its former definitions nothing else.
//
// apply stores manifests one after the other, as `kubectl apply --server-side --validate=strict` does: unknown and
// repeated fields are refused, and so is what another manager owns. A namespace that a manifest names and that is
// not there is made first. An APPLIED is {"outcome", "code", "error", "warnings"}: the outcome is `created`,
// `changed`, `unchanged` (the server kept the resource version that it had) or `refused`, and only then there are an
// error and its HTTP status; warnings are the server's, whatever the outcome.
//
// clear deletes whatever was applied since the last time, and the namespaces of it.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

type request struct {
	Op        string            `json:"op"`
	CRDs      []string          `json:"crds"`
	Manager   string            `json:"manager"`
	Manifests []json.RawMessage `json:"manifests"`
}

type version struct {
	Go      string            `json:"go"`
	Modules map[string]string `json:"modules"`
}

type failure struct {
	Error string `json:"error"`
}

type done struct {
	OK bool `json:"ok"`
}

type answered struct {
	Applied []applied `json:"applied"`
}

// answer never panics: an engine that dies says nothing about the manifest that killed it.
func answer(c *cluster, line []byte) (reply any) {
	defer func() {
		if p := recover(); p != nil {
			reply = failure{fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
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
	case "install":
		return okUnless(c.install(r.CRDs))
	case "apply":
		outcomes, err := c.apply(r.Manager, r.Manifests)
		if err != nil {
			return failure{err.Error()}
		}
		return answered{outcomes}
	case "clear":
		return okUnless(c.clear())
	}
	return failure{fmt.Sprintf("unknown op %q", r.Op)}
}

func okUnless(err error) any {
	if err != nil {
		return failure{err.Error()}
	}
	return done{true}
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

func serve(c *cluster, in io.Reader, out io.Writer) error {
	lines, replies := bufio.NewReader(in), json.NewEncoder(out)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := replies.Encode(answer(c, line)); err != nil {
			return err
		}
	}
}

// run ends with its input, or by a signal; the directory is removed either way.
func run(in io.Reader, out io.Writer) error {
	directory, err := os.MkdirTemp("", "zt_dsl-apiserver-")
	if err != nil {
		return err
	}
	// Twice, because the server, which runs until the process ends, may write into it once more.
	defer os.RemoveAll(directory)
	defer os.RemoveAll(directory)
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() {
		ended <- start(directory, func(c *cluster) error { return serve(c, in, out) })
	}()
	select {
	case err := <-ended:
		return err
	case received := <-interrupted:
		return errors.New(received.String())
	}
}

func main() {
	// Standard output is for replies alone: whatever else is printed goes where the logs go.
	out := os.Stdout
	os.Stdout = os.Stderr
	if err := run(os.Stdin, out); err != nil {
		fmt.Fprintln(os.Stderr, "apiserver:", err)
		os.Exit(1)
	}
}

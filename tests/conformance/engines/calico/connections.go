package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/projectcalico/calico/app-policy/policystore"
)

// query is one connection, and the request that it carries. Port is the target's own, as Services are translated
// before policy.
type query struct {
	Source   int          `json:"source"`
	Target   int          `json:"target"`
	Protocol string       `json:"protocol"`
	Port     int          `json:"port"`
	HTTP     *httpRequest `json:"http"`
}

type httpRequest struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

// clientPort is what a client calls from. Nobody's policy is about it here.
const clientPort = 40000

// protocols that the checker knows by number.
var protocols = map[string]int{"TCP": 6, "UDP": 17, "SCTP": 132}

// protocolNames are spelt as in a set of named ports.
var protocolNames = map[int]string{6: "tcp", 17: "udp", 132: "sctp"}

func (q query) check(peers int) error {
	switch {
	case q.Source < 0 || q.Source >= peers || q.Target < 0 || q.Target >= peers:
		return fmt.Errorf("source %d and target %d are not both among %d peers", q.Source, q.Target, peers)
	case q.Port < 1 || q.Port > 65535:
		return fmt.Errorf("port %d is not between 1 and 65535", q.Port)
	case protocols[q.Protocol] == 0:
		return fmt.Errorf("protocol %q is none of TCP, UDP and SCTP", q.Protocol)
	case q.HTTP != nil && q.Protocol != "TCP":
		return errors.New("HTTP over something else than TCP")
	}
	return nil
}

// flow is a connection as the checker asks about it.
type flow struct {
	source, target net.IP
	protocol, port int
	method, path   *string
}

// flow is a new one each time: the checker cuts the query off the path in place.
func (q query) flow(peers []peer) *flow {
	f := &flow{
		source: net.ParseIP(peers[q.Source].IP), target: net.ParseIP(peers[q.Target].IP),
		protocol: protocols[q.Protocol], port: q.Port,
	}
	if q.HTTP != nil {
		method, path := q.HTTP.Method, q.HTTP.Path
		f.method, f.path = &method, &path
	}
	return f
}

func (f *flow) GetSourceIP() net.IP                { return f.source }
func (f *flow) GetDestIP() net.IP                  { return f.target }
func (f *flow) GetSourcePort() int                 { return clientPort }
func (f *flow) GetDestPort() int                   { return f.port }
func (f *flow) GetProtocol() int                   { return f.protocol }
func (f *flow) GetHttpMethod() *string             { return f.method }
func (f *flow) GetHttpPath() *string               { return f.path }
func (f *flow) GetSourcePrincipal() *string        { return nil }
func (f *flow) GetDestPrincipal() *string          { return nil }
func (f *flow) GetSourceLabels() map[string]string { return nil }
func (f *flow) GetDestLabels() map[string]string   { return nil }

// portSet repairs what the checker asks of a set of named ports: it asks for "8080" (app-policy/checker/match.go,
// matchPort), and Felix fills the set with "10.0.0.1,tcp:8080", as its dataplanes want it.
type portSet struct {
	policystore.IPSet
	asked **flow
}

func (s portSet) Contains(member string) bool {
	port, err := strconv.Atoi(member)
	if err != nil { // an address, or an address with a protocol and a port
		return s.IPSet.Contains(member)
	}
	f := *s.asked
	if port != f.port {
		return false
	}
	return s.IPSet.Contains(fmt.Sprintf("%s,%s:%d", f.target, protocolNames[f.protocol], port))
}

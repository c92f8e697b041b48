package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"time"
)

type issued struct {
	Authority    string        `json:"authority"`
	Certificates []certificate `json:"certificates"`
}

type certificate struct {
	Chain string `json:"chain"`
	Key   string `json:"key"`
}

// issue makes an authority that lives for this answer, and a certificate for each SPIFFE identity: the URI is the only
// name that it has, as in those of istiod (security/pkg/pki/util/generate_cert.go).
func issue(names []string) (*issued, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{Organization: []string{"authority"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	content, err := x509.CreateCertificate(rand.Reader, authority, authority, key.Public(), key)
	if err != nil {
		return nil, err
	}
	made := &issued{encoded("CERTIFICATE", content), []certificate{}}
	for i, name := range names {
		c, err := sign(authority, key, int64(i+2), name)
		if err != nil {
			return nil, err
		}
		made.Certificates = append(made.Certificates, c)
	}
	return made, nil
}

func sign(authority *x509.Certificate, by *ecdsa.PrivateKey, serial int64, name string) (certificate, error) {
	uri, err := url.Parse(name)
	if err != nil {
		return certificate{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificate{}, err
	}
	wanted := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs:        []*url.URL{uri},
	}
	content, err := x509.CreateCertificate(rand.Reader, wanted, authority, key.Public(), by)
	if err != nil {
		return certificate{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return certificate{}, err
	}
	return certificate{encoded("CERTIFICATE", content), encoded("PRIVATE KEY", private)}, nil
}

func encoded(kind string, content []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
}

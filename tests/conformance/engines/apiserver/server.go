package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

const (
	startLimit = 2 * time.Minute
	poll       = 20 * time.Millisecond
)

// start runs etcd and the API server for as long as use takes.
func start(directory string, use func(*cluster) error) error {
	store, err := startEtcd(filepath.Join(directory, "etcd"))
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	// The API server ends with the process: a graceful end of the two takes seconds, and saves what is thrown away.
	defer store.Server.HardStop()
	config, ended, err := startAPIServer(directory, store.Clients[0].Addr())
	if err != nil {
		return fmt.Errorf("kube-apiserver: %w", err)
	}
	if err := ready(config, ended); err != nil {
		return fmt.Errorf("kube-apiserver: %w", err)
	}
	c, err := newCluster(config)
	if err != nil {
		return err
	}
	return use(c)
}

// startEtcd takes ports that the kernel chooses, so that none can be taken by another meanwhile.
func startEtcd(directory string) (*embed.Etcd, error) {
	config := embed.NewConfig()
	config.Dir, config.LogLevel = directory, "error"
	// What is here need not outlive the process.
	config.UnsafeNoFsync = true
	anyPort := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.ListenClientUrls, config.AdvertiseClientUrls = anyPort, anyPort
	config.ListenPeerUrls, config.AdvertisePeerUrls = anyPort, anyPort
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	store, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	select {
	case <-store.Server.ReadyNotify():
		return store, nil
	case err := <-store.Err():
		return nil, err
	case <-time.After(startLimit):
		return nil, errors.New("not ready in time")
	}
}

// startAPIServer does what the kube-apiserver command does, and answers with the credentials that the server has for
// itself, which are an administrator's.
func startAPIServer(directory string, etcd net.Addr) (*rest.Config, <-chan error, error) {
	opts, err := serverOptions(directory, etcd)
	if err != nil {
		return nil, nil, err
	}
	if err := opts.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return nil, nil, err
	}
	// The server warns its own clients too; those warnings are nobody's.
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	ctx := context.Background()
	completedOptions, err := opts.Complete(ctx)
	if err != nil {
		return nil, nil, err
	}
	if errs := completedOptions.Validate(); len(errs) > 0 {
		return nil, nil, utilerrors.NewAggregate(errs)
	}
	config, err := app.NewConfig(completedOptions)
	if err != nil {
		return nil, nil, err
	}
	completed, err := config.Complete()
	if err != nil {
		return nil, nil, err
	}
	server, err := app.CreateServerChain(completed)
	if err != nil {
		return nil, nil, err
	}
	prepared, err := server.PrepareRun()
	if err != nil {
		return nil, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- prepared.Run(ctx) }()
	return server.GenericAPIServer.LoopbackClientConfig, ended, nil
}

// serverOptions are kube-apiserver's own but for what a server without a cluster cannot have.
func serverOptions(directory string, etcd net.Addr) (*options.ServerRunOptions, error) {
	opts := options.NewServerRunOptions()
	listener, port, err := genericoptions.CreateListener("tcp", "127.0.0.1:0", net.ListenConfig{})
	if err != nil {
		return nil, err
	}
	serving := opts.SecureServing
	serving.Listener, serving.BindPort, serving.BindAddress = listener, port, net.IPv4(127, 0, 0, 1)
	serving.ExternalAddress = serving.BindAddress
	serving.ServerCert.CertDirectory = directory
	opts.Etcd.StorageConfig.Transport.ServerList = []string{"http://" + etcd.String()}
	// Nobody watches, and what was stored is read where it is stored.
	opts.Etcd.EnableWatchCache = false
	opts.ServiceClusterIPRanges = "10.0.0.0/24"
	opts.EndpointReconcilerType = "none"
	opts.Features.EnableProfiling = false
	key, err := signingKey(directory)
	if err != nil {
		return nil, err
	}
	opts.ServiceAccountSigningKeyFile = key
	opts.Authentication.ServiceAccounts.KeyFiles = []string{key}
	opts.Authentication.ServiceAccounts.Issuers = []string{"https://zt_dsl.test"}
	return opts, nil
}

// signingKey writes the key that kube-apiserver does not start without. Nothing here asks for a token.
func signingKey(directory string) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	pem, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return "", err
	}
	path := filepath.Join(directory, "service-accounts.key")
	return path, keyutil.WriteKey(path, pem)
}

// ready waits until the server says that it is.
func ready(config *rest.Config, ended <-chan error) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	says := func(ctx context.Context) (bool, error) {
		select {
		case err := <-ended:
			return false, fmt.Errorf("it ended: %w", err)
		default:
		}
		status := 0
		client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&status)
		return status == http.StatusOK, nil
	}
	return wait.PollUntilContextTimeout(context.Background(), poll, startLimit, true, says)
}

// Package batchtest runs a Batch service for the tests of whatever calls one:
// clients, tools, workflows. [Start] is all that a test needs:
//
//	server := batchtest.Start(t)
//	_, err := server.Client.CreatePool(ctx, pool, nil)
//
// The service is localbatch's own: tasks are processes of this machine, with
// the rights of the test. What can go wrong with Azure Batch goes wrong on
// request, see [Server.Faults].
package batchtest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net"
	"slices"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"

	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/localbatch/faults"
	"github.com/durabatch/durabatch/localbatch/sharedkey"
)

// Server is a Batch service that ends with its test.
type Server struct {
	// URL is where the service is, such as http://127.0.0.1:40001.
	URL string
	// AccountName and AccountKey (base64) are what requests are signed with.
	AccountName string
	AccountKey  string
	// Client is signed in to the account and has azcore's usual retries.
	Client *azbatch.Client
	// Credential signs the requests of other clients.
	Credential *sharedkey.Credential
	// Service is the running service.
	Service *localbatch.Service

	t    testing.TB
	opts localbatch.Options
}

// Start starts a service on loopback with an empty data directory of its own,
// and a random key. When the test ends the service is closed, which ends its
// tasks, and its directory removed. What it logs goes to the test's output.
//
// Each of adjust may change the service's options, such as BootTime, Quotas,
// Faults and Clock.
func Start(t testing.TB, adjust ...func(*localbatch.Options)) *Server {
	t.Helper()
	key := make([]byte, 64)
	rand.Read(key) // never fails
	s := &Server{t: t, opts: localbatch.Options{
		DataDir:     t.TempDir(),
		AccountName: "batchtest",
		AccountKey:  base64.StdEncoding.EncodeToString(key),
		Logger:      slog.New(slog.NewTextHandler(t.Output(), nil)),
	}}
	for _, f := range adjust {
		f(&s.opts)
	}
	s.AccountName, s.AccountKey = s.opts.AccountName, s.opts.AccountKey
	t.Cleanup(s.Close)
	s.start("127.0.0.1:0")
	var err error
	if s.Credential, err = sharedkey.New(s.AccountName, s.AccountKey); err != nil {
		t.Fatal(err)
	}
	s.Client = s.NewClient(azcore.ClientOptions{})
	return s
}

func (s *Server) start(address string) {
	s.t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.URL = "http://" + listener.Addr().String()
	opts := s.opts
	if opts.PublicURL == "" {
		opts.PublicURL = s.URL
	}
	if s.Service, err = localbatch.New(opts); err != nil {
		listener.Close()
		s.t.Fatal(err)
	}
	service := s.Service
	go func() {
		if err := service.Serve(context.Background(), listener); err != nil {
			s.t.Error(err)
		}
	}()
}

// Close closes the service, before the test ends.
func (s *Server) Close() {
	if s.Service == nil {
		return
	}
	if err := s.Service.Close(); err != nil {
		s.t.Error(err)
	}
	s.Service = nil
}

// Restart closes the service and starts another one on its data directory and
// at its address, as if a machine had rebooted: what is durable is there again,
// and tasks that ran are requeued. A fault plan that was set by [Server.Faults]
// goes on where it stood.
func (s *Server) Restart() {
	s.t.Helper()
	address := s.URL[len("http://"):]
	s.Close()
	s.start(address)
}

// NewClient makes a client that is signed in to the account, with options of
// the test's own, such as Retry.
func (s *Server) NewClient(opts azcore.ClientOptions) *azbatch.Client {
	s.t.Helper()
	opts.PerRetryPolicies = append(slices.Clone(opts.PerRetryPolicies), s.Credential) // last: it signs what is sent
	client, err := azbatch.NewClient(s.URL, nil, &azbatch.ClientOptions{ClientOptions: opts})
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

// Faults has things go wrong from now on as the plan says, in the place of the
// plan before. The zero Plan ends it. The service logs each fault, with the
// seed that replays it, to the test's output.
func (s *Server) Faults(plan faults.Plan) {
	s.t.Helper()
	if err := s.Service.SetFaults(plan); err != nil {
		s.t.Fatal(err)
	}
}

// FaultReport says how often the plan's rules have fired.
func (s *Server) FaultReport() faults.Report { return s.Service.Faults() }

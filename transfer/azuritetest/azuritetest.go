// Package azuritetest runs Azurite, Microsoft's emulator of Azure Storage, for
// tests, as net/http/httptest runs servers. Only tests import it.
package azuritetest

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
)

// readyWithin is far more than the second or two that Azurite takes to start.
const readyWithin = time.Minute

// watch is a shell that kills its child when its own input ends, which it does
// with the process that tests, however that ends: by a panic, say, or a timeout.
const watch = `"$@" & child=$!; exec >&-; cat >/dev/null; kill -9 $child 2>/dev/null; wait $child 2>/dev/null`

// Server is a running Azurite with one account, whose name and key are made
// for it.
type Server struct {
	Account  string
	Key      string // base64
	Endpoint string // of blobs: http://127.0.0.1:<port>/<account>

	command *exec.Cmd
	stdin   io.Closer
	dir     string
	exited  chan struct{}
}

// Main runs the tests of a package with an Azurite of their own: a TestMain of
// one line, os.Exit(azuritetest.Main(m, &server)).
func Main(m *testing.M, server **Server) int {
	s, err := Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "azuritetest:", err)
		return 1
	}
	defer s.Stop()
	*server = s
	return m.Run()
}

// Start runs Azurite on a free port of the loopback, with its data in a
// temporary directory. It is an error that says what to run if Azurite is not
// installed in the repository's tools.
func Start() (*Server, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "azurite")
	if err != nil {
		return nil, err
	}
	s := &Server{Account: "test" + hex.EncodeToString(random(4)), Key: base64.StdEncoding.EncodeToString(random(64)), dir: dir}
	if err := s.start(program); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *Server) start(program string) error {
	log, err := os.Create(filepath.Join(s.dir, "azurite.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.command = exec.Command("/bin/sh", "-c", watch, "azuritetest", "node", program, "--blobHost", "127.0.0.1", "--blobPort", "0", "--location", s.dir,
		"--skipApiVersionCheck", "--disableTelemetry", "--silent")
	s.command.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+s.Account+":"+s.Key)
	s.command.Stderr = log
	if s.stdin, err = s.command.StdinPipe(); err != nil {
		return err
	}
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.command.Start(); err != nil {
		return fmt.Errorf("start Azurite with node: %w", err)
	}
	s.exited = make(chan struct{})
	listens := make(chan string, 1)
	go func() {
		defer close(s.exited)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if _, address, ok := strings.Cut(lines.Text(), "successfully listens on "); ok {
				listens <- strings.TrimSpace(address)
			}
		}
		_ = s.stdin.Close()
		_ = s.command.Wait() // how it ended is of no interest: it is killed
	}()
	select {
	case address := <-listens:
		s.Endpoint = address + "/" + s.Account
		return nil
	case <-s.exited:
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("Azurite ended at once: %s", said)
	case <-time.After(readyWithin):
		s.Stop()
		return fmt.Errorf("Azurite was not ready within %s", readyWithin)
	}
}

// Stop ends Azurite and deletes its data.
func (s *Server) Stop() {
	_ = s.stdin.Close() // it may be closed, when Azurite has ended
	<-s.exited
	_ = os.RemoveAll(s.dir)
}

// ConnectionString names the account with its key.
func (s *Server) ConnectionString() string {
	return "DefaultEndpointsProtocol=http;AccountName=" + s.Account + ";AccountKey=" + s.Key + ";BlobEndpoint=" + s.Endpoint + ";"
}

// NewContainer makes an empty container for one test. Policies, if any, see
// each try of each request. Its connections are closed when the test ends.
func (s *Server) NewContainer(t testing.TB, policies ...policy.Policy) *container.Client {
	t.Helper()
	c := s.Container(t, "test-"+hex.EncodeToString(random(8)), policies...)
	if _, err := c.Create(t.Context(), nil); err != nil {
		t.Fatalf("make a container: %v", err)
	}
	return c
}

// Container is NewContainer for one that exists, or need not.
func (s *Server) Container(t testing.TB, name string, policies ...policy.Policy) *container.Client {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	t.Cleanup(transport.CloseIdleConnections)
	client, err := service.NewClientFromConnectionString(s.ConnectionString(), &service.ClientOptions{ClientOptions: azcore.ClientOptions{
		PerRetryPolicies: policies,
		Transport:        &http.Client{Transport: transport},
		Retry:            policy.RetryOptions{RetryDelay: time.Millisecond, MaxRetryDelay: 10 * time.Millisecond},
	}})
	if err != nil {
		t.Fatalf("make a client: %v", err)
	}
	return client.NewContainerClient(name)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

// find looks for tools/azurite beside the go.mod above the working directory.
func find() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory: tests run inside the repository")
		}
		dir = filepath.Dir(dir)
	}
	program := filepath.Join(dir, "tools", "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js")
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("Azurite is not installed in %s; run make build", filepath.Join(dir, "tools", "azurite"))
	}
	return program, nil
}

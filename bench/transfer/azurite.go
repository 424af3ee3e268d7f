package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/durabatch/durabatch/azure"
)

// script is where make build puts Azurite.
const script = "tools/azurite/node_modules/azurite/dist/src/blob/main.js"

// account is the name of Azurite's only account; its key is made for each.
const account = "bench"

// azurite is a server in a process of its own, with the settings that bin/local
// gives it.
type azurite struct {
	endpoint, key string
	dir           string
	storage       *azure.Storage
	cmd           *exec.Cmd
	ended         chan struct{}
}

func (b *bench) azurite(ctx context.Context, name string) (*azurite, error) {
	secret := make([]byte, 64)
	_, _ = rand.Read(secret) // never fails
	a := &azurite{key: base64.StdEncoding.EncodeToString(secret), dir: filepath.Join(b.dir, name), ended: make(chan struct{})}
	a.cmd = exec.CommandContext(ctx, "node", script, "--location", a.dir, "--blobHost", "127.0.0.1", "--blobPort", "0",
		"--blobKeepAliveTimeout", "120", "--skipApiVersionCheck", "--disableTelemetry", "--silent")
	a.cmd.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+account+":"+a.key)
	a.cmd.Cancel = func() error { return a.cmd.Process.Signal(syscall.SIGTERM) }
	a.cmd.WaitDelay = 10 * time.Second
	a.cmd.Stderr = b.log
	stdout, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(stdout)
	for a.endpoint == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, errors.Join(fmt.Errorf("Azurite did not say where it listens: %w; make build installs it", err), a.cmd.Wait())
		}
		if _, address, ok := strings.Cut(line, "successfully listens on "); ok {
			a.endpoint = strings.TrimSpace(address) + "/" + account
		}
	}
	go func() {
		defer close(a.ended)
		_, _ = io.Copy(io.Discard, lines)
		_ = a.cmd.Wait() // how it ended is of no interest: it is told to
	}()
	a.storage, err = azure.NewStorage(azure.Config{StorageConnectionString: a.connection()})
	if err != nil {
		return nil, errors.Join(err, a.stop())
	}
	return a, nil
}

func (a *azurite) connection() string {
	return "DefaultEndpointsProtocol=http;AccountName=" + account + ";AccountKey=" + a.key + ";BlobEndpoint=" + a.endpoint + ";"
}

// stop ends it and deletes its data.
func (a *azurite) stop() error {
	_ = a.cmd.Process.Signal(syscall.SIGTERM) // unless it has ended, which its end tells
	<-a.ended
	return os.RemoveAll(a.dir)
}

func (a *azurite) create(ctx context.Context, name string) (*container.Client, error) {
	c := a.storage.Container(name)
	_, err := c.Create(ctx, nil)
	return c, err
}

// cpu is the processor time, in seconds, that it has had. Where the system has
// no /proc, it is 0.
func (a *azurite) cpu() float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	var skip string
	var user, system float64
	if _, err := fmt.Sscan(rest, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &user, &system); err != nil {
		return 0
	}
	const ticks = 100 // a second, on every Linux that Go runs on
	return (user + system) / ticks
}

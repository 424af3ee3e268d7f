package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The parts, by the names of their files.
const (
	temporalPart = "temporal"
	azuritePart  = "azurite"
	batchPart    = "batch"
	workerPart   = "worker"
)

// stopOrder is the reverse of the order in which parts depend on each other.
var stopOrder = []string{workerPart, batchPart, azuritePart, temporalPart}

// storageAccount is the name of Azurite's only account.
const storageAccount = "durabatch"

func (s *stack) temporal() part {
	return part{
		name: temporalPart,
		path: s.programs.temporal,
		args: []string{
			"server", "start-dev",
			"--ip", "127.0.0.1",
			"--port", strconv.Itoa(s.ports.Temporal),
			"--ui-port", strconv.Itoa(s.ports.UI),
			"--db-filename", filepath.Join(s.dir, "temporal.db"),
			"--log-level", "warn",
		},
		env:      s.base,
		answers:  s.temporalAnswers,
		grace:    10 * time.Second,
		orphaned: syscall.SIGKILL, // what it has acknowledged is in its database
	}
}

func (s *stack) azurite() part {
	return part{
		name: azuritePart,
		path: s.programs.node,
		args: []string{
			// Azurite saves its index at the first SIGTERM and dies in the middle
			// of that at a second one, which the kernel may send when this
			// process is killed.
			"--import", "data:text/javascript,process.on('SIGTERM',()=>{})",
			s.programs.azurite,
			"--location", filepath.Join(s.dir, azuritePart),
			"--blobHost", "127.0.0.1",
			"--blobPort", strconv.Itoa(s.ports.Azurite),
			// Longer than Go's HTTP client keeps an idle connection, so that it
			// is never Azurite that closes one just as a request is sent.
			"--blobKeepAliveTimeout", "120",
			"--skipApiVersionCheck",
			"--disableTelemetry",
			"--silent", // its access log would hold SAS signatures
		},
		env:      withVariables(s.base, variable{"AZURITE_ACCOUNTS", storageAccount + ":" + s.storageKey}),
		answers:  func(ctx context.Context) error { return httpAnswers(ctx, s.blobEndpoint(), "Azurite") },
		grace:    10 * time.Second,
		orphaned: syscall.SIGTERM, // it keeps some seconds of its index in memory
	}
}

func (s *stack) batch() part {
	args := []string{
		"batch",
		"--listen", loopback(s.ports.Batch),
		"--data", filepath.Join(s.dir, batchPart),
	}
	if s.faults != "" {
		args = append(args, "--faults", s.faults)
	}
	if s.waiveElevation {
		args = append(args, "--waive-elevation")
	}
	return part{
		name:     batchPart,
		path:     s.programs.local,
		args:     args,
		env:      s.base, // it finds the account's key in its data directory
		answers:  func(ctx context.Context) error { return httpAnswers(ctx, s.batchEndpoint()+"/pools", "") },
		grace:    10 * time.Second,
		orphaned: syscall.SIGTERM, // its tasks are processes, and end with it
	}
}

func (s *stack) worker() part {
	return part{
		name:     workerPart,
		path:     s.programs.worker,
		env:      withVariables(withVariables(s.base, s.variables()...), variable{"DURABATCH_LISTEN", loopback(s.ports.Worker)}),
		answers:  s.workerPolls,
		grace:    15 * time.Second, // activities that are cut short resume, but whole ones are cheaper
		orphaned: syscall.SIGKILL,  // all of its state is in Temporal and in Azure
	}
}

// httpAnswers returns nil when a server that calls itself server (any, if "")
// answers at url, be it with a refusal.
func httpAnswers(ctx context.Context, url, server string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := probeClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if got := resp.Header.Get("Server"); !strings.HasPrefix(got, server) {
		return fmt.Errorf("at %s something else answers (%q)", url, got)
	}
	return nil
}

// probeClient never goes through a proxy: what it asks is on this machine.
var probeClient = &http.Client{
	Transport: &http.Transport{DialContext: (&net.Dialer{}).DialContext, DisableKeepAlives: true},
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	account    = "bench"
	apiVersion = "2024-07-01.20.0"
)

// service is a Batch service in a process of its own.
type service struct {
	url    string
	key    []byte
	client *http.Client
	cmd    *exec.Cmd
	ended  chan error
}

// start starts a service on the data in dir and says how long it took until it
// had answered a request.
func (b *bench) start(ctx context.Context, dir string) (s *service, seconds float64, err error) {
	s = &service{
		key: []byte("the key of an account that lives as long as a benchmark"), ended: make(chan error, 1),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	s.cmd = exec.CommandContext(ctx, filepath.Join(b.bin, "local"), "batch", "--listen", "127.0.0.1:0", "--data", filepath.Join(b.dir, dir))
	s.cmd.Env = append(os.Environ(), "AZURE_BATCH_ACCOUNT_NAME="+account, "AZURE_BATCH_ACCOUNT_KEY="+base64.StdEncoding.EncodeToString(s.key))
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = 30 * time.Second
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, 0, fmt.Errorf("%w; make build makes it", err)
	}
	lines := bufio.NewReader(stderr)
	line, _ := lines.ReadString('\n')
	for field := range strings.FieldsSeq(line) {
		if address, ok := strings.CutPrefix(field, "url="); ok {
			s.url = address
		}
	}
	go func() {
		_, _ = io.Copy(b.log, lines)
		s.ended <- s.cmd.Wait()
	}()
	if s.url == "" {
		return nil, 0, errors.Join(fmt.Errorf("local batch did not say where it serves, but %q", line), s.stop())
	}
	if err := s.call(ctx, http.MethodGet, "/jobs?maxresults=1", nil, nil); err != nil {
		return nil, 0, errors.Join(err, s.stop())
	}
	return s, time.Since(began).Seconds(), nil
}

func (s *service) stop() error {
	s.client.CloseIdleConnections()
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // unless it has ended, which its end tells
	return <-s.ended
}

// peak is the most memory that the service had, in MB, once it has stopped.
func (s *service) peak() float64 {
	usage, ok := s.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return float64(usage.Maxrss) / 1e6
	}
	return float64(usage.Maxrss) / 1e3
}

// used is the time of processors that a process has had, in microseconds, with
// the children it has waited for, once it has ended. It is less moved by what
// else the machine does than the time that passed.
func used(cmd *exec.Cmd) float64 {
	return float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Microseconds())
}

// request makes a signed request. It can be sent within a quarter of an hour.
func (s *service) request(ctx context.Context, method, target string, body []byte) (*http.Request, error) {
	u, err := url.Parse(s.url + target)
	if err != nil {
		return nil, err
	}
	query := u.Query()
	query.Set("api-version", apiVersion)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	length := ""
	if len(body) > 0 {
		length = fmt.Sprint(len(body))
	}
	date := time.Now().UTC().Format(http.TimeFormat)
	r.Header.Set("ocp-date", date)
	text := strings.Join([]string{method, "", "", length, "", "", "", "", "", "", "", "", "ocp-date:" + date, "/" + account + u.EscapedPath()}, "\n")
	var names []string
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text += "\n" + name + ":" + query.Get(name)
	}
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(text))
	r.Header.Set("Authorization", "SharedKey "+account+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return r, nil
}

// send sends a request and returns the answer's body.
func (s *service) send(r *http.Request) ([]byte, error) {
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s: %s: %s", r.Method, r.URL.Path, answer.Status, body)
	}
	return body, nil
}

// call sends in as JSON and reads the answer into out; both may be nil.
func (s *service) call(ctx context.Context, method, target string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	r, err := s.request(ctx, method, target, body)
	if err != nil {
		return err
	}
	text, err := s.send(r)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(text, out)
}

type object map[string]any

// pool creates a pool and waits until its nodes are idle.
func (s *service) pool(ctx context.Context, id string, nodes int) error {
	err := s.call(ctx, http.MethodPost, "/pools", object{
		"id": id, "vmSize": "standard_d2_v3", "targetDedicatedNodes": nodes,
		"virtualMachineConfiguration": object{
			"imageReference": object{"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
			"nodeAgentSKUId": "batch.node.ubuntu 24.04",
		},
	}, nil)
	if err != nil {
		return err
	}
	return poll(ctx, oftenEnough, func() (bool, error) {
		var list struct{ Value []struct{ State string } }
		err := s.call(ctx, http.MethodGet, "/pools/"+id+"/nodes", nil, &list)
		idle := 0
		for _, n := range list.Value {
			if n.State == "idle" {
				idle++
			}
		}
		return idle == nodes, err
	})
}

func (s *service) job(ctx context.Context, id, pool string) error {
	return s.call(ctx, http.MethodPost, "/jobs", object{"id": id, "poolInfo": object{"poolId": pool}}, nil)
}

// completed waits until all tasks of a job are completed and none has failed.
func (s *service) completed(ctx context.Context, job string, tasks int, every time.Duration) error {
	return poll(ctx, every, func() (bool, error) {
		var counts struct {
			TaskCounts struct{ Succeeded, Failed int }
		}
		err := s.call(ctx, http.MethodGet, "/jobs/"+job+"/taskcounts", nil, &counts)
		if counts.TaskCounts.Failed > 0 {
			return false, fmt.Errorf("%d tasks of job %s have failed", counts.TaskCounts.Failed, job)
		}
		return counts.TaskCounts.Succeeded == tasks, err
	})
}

// oftenEnough is how often to look where a look costs little beside what is
// measured.
const oftenEnough = 10 * time.Millisecond

func poll(ctx context.Context, every time.Duration, check func() (bool, error)) error {
	look := time.NewTicker(every)
	defer look.Stop()
	for {
		if done, err := check(); done || err != nil {
			return err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"golang.org/x/sync/errgroup"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/localbatch/sharedkey"
	"github.com/durabatch/durabatch/transfer"
	documents "github.com/durabatch/durabatch/workload"
)

// sendersAtOnce is how many requests Submit sends at the same time.
const sendersAtOnce = 8

// submit adds tasks to a job, beside a client that sends the very same requests,
// prepared beforehand.
func (b *bench) submit(ctx context.Context) (rows []row, err error) {
	dir, err := os.MkdirTemp(b.dir, "stack-")
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, b.bin, dir, true, b.log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop(), os.RemoveAll(dir)) }()
	_, err = s.batch.CreatePool(ctx, azbatch.CreatePoolContent{
		ID: to.Ptr("none"), VMSize: to.Ptr("Standard_A1_v2"), TargetDedicatedNodes: to.Ptr[int32](0),
		VirtualMachineConfiguration: &azbatch.VirtualMachineConfiguration{
			ImageReference: &azbatch.ImageReference{Publisher: to.Ptr("canonical"), Offer: to.Ptr("ubuntu-24_04-lts"), SKU: to.Ptr("server")},
			NodeAgentSKUID: to.Ptr("batch.node.ubuntu 24.04"),
		},
	}, nil)
	if err != nil {
		return nil, err
	}
	n := b.size(100_000, 10_000)
	if err := s.writeManifest(ctx, n); err != nil {
		return nil, err
	}
	s.keep = &kept{}
	if _, err := s.submit(ctx, "prepared", n); err != nil {
		return nil, err
	}
	bodies := s.keep.bodies
	s.keep = nil
	var ours, theirs, ratios []float64
	for i := range 3 {
		bare, err := s.sendBare(ctx, fmt.Sprintf("bare-%d", i), bodies)
		if err != nil {
			return nil, err
		}
		own, err := s.submit(ctx, fmt.Sprintf("own-%d", i), n)
		if err != nil {
			return nil, err
		}
		ours, theirs, ratios = append(ours, own), append(theirs, bare), append(ratios, own/bare)
	}
	r := row{What: "tasks submitted, beside prepared requests", Files: n, Seconds: median(ours), Peer: median(theirs), Ratio: median(ratios), Goal: "1.25"}
	b.say("%s: %.1f s, %.1f s, ratios %.2f", r.What, r.Seconds, r.Peer, ratios)
	return []row{r}, nil
}

func (s *stack) writeManifest(ctx context.Context, n int) error {
	container := s.storage.Container("submit-out")
	if _, err := container.Create(ctx, nil); err != nil {
		return err
	}
	parts := transfer.Parts[documents.Input]{Container: container, Prefix: documents.Reserved + "manifest"}
	for part := 0; part*1000 < n; part++ {
		inputs := make([]documents.Input, 1000)
		for i := range inputs {
			index := part*1000 + i
			name := fmt.Sprintf("%04d/%07d.bin", part, index)
			inputs[i] = documents.Input{Index: int64(index), Name: name, Blob: name, Size: 64}
		}
		if err := parts.Write(ctx, part, (part+1)*1000 >= n, inputs); err != nil {
			return err
		}
	}
	return nil
}

// job makes one on a pool without nodes, so that nothing else is at work.
func (s *stack) job(ctx context.Context, id string) error {
	_, err := s.batch.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr(id), PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("none")}}, nil)
	return err
}

// submit times the activity Submit.
func (s *stack) submit(ctx context.Context, job string, n int) (seconds float64, err error) {
	if err := s.job(ctx, job); err != nil {
		return 0, err
	}
	suite := testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.SetTestTimeout(time.Hour)
	acts := &activities.Activities{Batch: s.batch, Storage: s.storage}
	env.RegisterActivity(acts.Submit)
	began := time.Now()
	_, err = env.ExecuteActivity(acts.Submit, activities.SubmitInput{
		Job: job, InputContainer: "submit-in", OutputContainer: "submit-out", Files: int64(n),
		Task:   documents.Task{Command: "cp {{input}} {{output}}", Output: "{{stem}}.out"},
		Access: activities.Access{Until: time.Now().Add(time.Hour)},
	})
	return time.Since(began).Seconds(), err
}

// sendBare times a client that does nothing but send.
func (s *stack) sendBare(ctx context.Context, job string, bodies [][]byte) (seconds float64, err error) {
	if err := s.job(ctx, job); err != nil {
		return 0, err
	}
	credential, err := sharedkey.New(s.azure.BatchAccountName, s.azure.BatchAccountKey)
	if err != nil {
		return 0, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = sendersAtOnce
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	address := s.azure.BatchEndpoint + "/jobs/" + job + "/addtaskcollection?api-version=2024-07-01.20.0"
	began := time.Now()
	senders, ctx := errgroup.WithContext(ctx)
	senders.SetLimit(sendersAtOnce)
	for _, body := range bodies {
		senders.Go(func() error {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
			if err != nil {
				return err
			}
			request.Header.Set("Content-Type", "application/json; odata=minimalmetadata")
			credential.Sign(request, time.Now())
			answer, err := client.Do(request)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			if err == nil && (answer.StatusCode != http.StatusOK || bytes.Contains(text, []byte("clienterror"))) {
				err = fmt.Errorf("%s: %.300s", answer.Status, text)
			}
			return err
		})
	}
	err = senders.Wait()
	return time.Since(began).Seconds(), err
}

// kept are the bodies of add-collection requests.
type kept struct {
	mu     sync.Mutex
	bodies [][]byte
}

func (k *kept) read(r *http.Request) error {
	if !strings.HasSuffix(r.URL.Path, "/addtaskcollection") {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bodies = append(k.bodies, body)
	return err
}

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

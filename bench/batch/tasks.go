package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	trueTasks  = 2000
	addTasks   = 100_000
	collection = 100 // tasks, the most that Batch takes at a time
	clients    = 4
)

// additions are requests that add n tasks of a job from the task first on. They
// are made and signed beforehand: it is the service that is measured.
func (s *service) additions(ctx context.Context, job string, first, n int, command func(task int) string) ([]*http.Request, error) {
	var requests []*http.Request
	for from := first; from < first+n; from += collection {
		var body strings.Builder
		for i := from; i < min(from+collection, first+n); i++ {
			fmt.Fprintf(&body, `,{"id":"task-%08d","commandLine":%q}`, i, command(i))
		}
		r, err := s.request(ctx, http.MethodPost, "/jobs/"+job+"/addtaskcollection", []byte(`{"value":[`+body.String()[1:]+`]}`))
		if err != nil {
			return nil, err
		}
		requests = append(requests, r)
	}
	return requests, nil
}

// sendAll sends requests, several at a time.
func (s *service) sendAll(requests []*http.Request) error {
	var group errgroup.Group
	group.SetLimit(clients)
	for _, r := range requests {
		group.Go(func() error {
			answer, err := s.send(r)
			if err == nil && strings.Contains(string(answer), `"error":`) {
				return fmt.Errorf("a task was refused: %s", answer)
			}
			return err
		})
	}
	return group.Wait()
}

// trueTasks runs tasks of true on two nodes, from the first request until the
// last is completed, and as many of them by xargs.
func (b *bench) trueTasks(ctx context.Context) ([]row, error) {
	s, _, err := b.start(ctx, "true")
	if err != nil {
		return nil, err
	}
	running := true
	defer func() {
		if running {
			_ = s.stop()
		}
	}()
	if err := s.pool(ctx, "pool", 2); err != nil {
		return nil, err
	}
	var ours, theirs []float64
	var processors float64 // those of xargs
	for n := range b.runs {
		b.say("tasks of true, %d of %d", n+1, b.runs)
		cmd := exec.CommandContext(ctx, "xargs", "-P2", "-n1", "true")
		cmd.Stdin = strings.NewReader(strings.Repeat("x\n", trueTasks))
		began := time.Now()
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("xargs: %w", err)
		}
		theirs = append(theirs, trueTasks/time.Since(began).Seconds())
		processors += used(cmd) / trueTasks / float64(b.runs)

		job := fmt.Sprint("true-", n)
		if err := s.job(ctx, job, "pool"); err != nil {
			return nil, err
		}
		requests, err := s.additions(ctx, job, 0, trueTasks, func(int) string { return "true" })
		if err != nil {
			return nil, err
		}
		began = time.Now()
		if err := s.sendAll(requests); err != nil {
			return nil, err
		}
		if err := s.completed(ctx, job, trueTasks, oftenEnough); err != nil {
			return nil, err
		}
		ours = append(ours, trueTasks/time.Since(began).Seconds())
	}
	running = false
	if err := s.stop(); err != nil {
		return nil, err
	}
	r := beside("tasks of true", "/s", "xargs -P2", ours, theirs)
	each := []float64{used(s.cmd) / trueTasks / float64(b.runs)}
	return []row{r.atLeast(r.Ratio, 0.5), beside("processor time of one", "µs", "xargs -P2", each, []float64{processors})}, nil
}

// largeJob adds tasks to a job without nodes: the first of them at a measured
// rate, each time to another job, then as many as a large job has. Then it
// starts the service anew and asks about them.
func (b *bench) largeJob(ctx context.Context) ([]row, error) {
	s, _, err := b.start(ctx, "large")
	if err != nil {
		return nil, err
	}
	running := true
	defer func() {
		if running {
			_ = s.stop()
		}
	}()
	if err := s.pool(ctx, "pool", 0); err != nil {
		return nil, err
	}
	command := func(i int) string {
		return fmt.Sprintf("ffmpeg -nostdin -loglevel error -y -i clip-%08d.mp4 -vn -b:a 128k clip-%08d.mp3", i, i)
	}
	add := func(job string, first, n int) (rate float64, err error) {
		requests, err := s.additions(ctx, job, first, n, command)
		if err != nil {
			return 0, err
		}
		began := time.Now()
		err = s.sendAll(requests)
		return float64(n) / time.Since(began).Seconds(), err
	}
	var rates []float64
	for n := range b.runs {
		b.say("adding %d tasks, %d of %d", addTasks, n+1, b.runs)
		job := fmt.Sprint("job-", n)
		if err := s.job(ctx, job, "pool"); err != nil {
			return nil, err
		}
		rate, err := add(job, 0, addTasks)
		if err != nil {
			return nil, err
		}
		rates = append(rates, rate)
	}
	b.say("adding up to %d tasks", b.tasks)
	for have := addTasks; have < b.tasks; have += addTasks {
		if _, err := add("job-0", have, min(addTasks, b.tasks-have)); err != nil {
			return nil, err
		}
	}
	running = false
	if err := s.stop(); err != nil {
		return nil, err
	}
	filling, processors := s.peak(), used(s.cmd)/float64(b.tasks+(b.runs-1)*addTasks)

	b.say("asking about %d tasks", b.tasks)
	s, starting, err := b.start(ctx, "large")
	if err != nil {
		return nil, err
	}
	running = true
	pages, counts, err := b.questions(ctx, s)
	if err != nil {
		return nil, err
	}
	running = false
	if err := s.stop(); err != nil {
		return nil, err
	}
	adds := alone("tasks added, 100 at a time", "/s", rates...)
	start := alone(fmt.Sprintf("start with %d tasks in a job", b.tasks), "s", starting)
	page := alone("a page of 1000 of them", "ms", median(pages))
	count := alone("their counts", "ms", median(counts))
	memory := alone("memory at most", "MB", filling, s.peak())
	memory.Ours = max(filling, s.peak())
	return []row{
		adds.atLeast(adds.Ours, 15_000), alone("processor time of one", "µs", processors), start.atMost(start.Ours, 3), page.atMost(page.Ours, 30),
		count.atMost(count.Ours, 5), memory.atMost(memory.Ours, 700),
	}, nil
}

// questions are pages from anywhere in the job and counts of its tasks. Times
// are in milliseconds.
func (b *bench) questions(ctx context.Context, s *service) (pages, counts []float64, err error) {
	ask := func(target string) (float64, error) {
		r, err := s.request(ctx, http.MethodGet, target, nil)
		if err != nil {
			return 0, err
		}
		began := time.Now()
		_, err = s.send(r)
		return time.Since(began).Seconds() * 1000, err
	}
	for range 50 {
		from := fmt.Sprintf("task-%08d", rand.IntN(max(1, b.tasks-1000)))
		page, err := ask("/jobs/job-0/tasks?$filter=id+gt+'" + from + "'")
		if err != nil {
			return nil, nil, err
		}
		count, err := ask("/jobs/job-0/taskcounts")
		if err != nil {
			return nil, nil, err
		}
		pages, counts = append(pages, page), append(counts, count)
	}
	return pages, counts, nil
}

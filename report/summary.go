package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/durabatch/durabatch/workload"
)

// Bounds of what a report keeps, whatever the number of files.
const (
	maxSlowest  = 20
	maxFailures = 200
	maxBuckets  = 240 // of time
	maxRows     = 60  // of nodes in the chart
)

// summary is what a report keeps of the results.
type summary struct {
	Slowest  []workload.Result // slowest first
	Failures []workload.Result // failed and unfinished, in the order of the list
	Missing  int64             // failures beyond those
	Retried  int64             // files whose command was started more than once
	Earlier  int64             // files whose outputs a run before this one made
	Outputs  int64
	Bytes    int64 // of outputs
	Times    durations
	Usage    usage
}

func newSummary(started time.Time) *summary {
	return &summary{Usage: newUsage(started)}
}

func (s *summary) add(r workload.Result) {
	if r.Attempts > 1 {
		s.Retried++
	}
	for _, output := range r.Outputs {
		s.Outputs++
		s.Bytes += output.Size
	}
	if r.State != workload.TaskSucceeded {
		s.fail(r)
	}
	if r.Earlier != nil {
		s.Earlier++ // its times are of another run
		return
	}
	if r.Started.IsZero() || r.Ended.Before(r.Started) {
		return
	}
	took := r.Ended.Sub(r.Started)
	s.Times.add(took)
	s.Usage.add(r)
	s.slow(r, took)
}

func (s *summary) fail(r workload.Result) {
	if len(s.Failures) == maxFailures {
		s.Missing++
		return
	}
	r.Outputs = nil
	s.Failures = append(s.Failures, r)
}

// tell asks for the ends of stderr that the results do not hold.
func (s *summary) tell(stderr func(workload.Result) string) {
	for i, r := range s.Failures {
		if r.Failure == nil || r.Failure.Stderr != "" {
			continue
		}
		told := *r.Failure
		told.Stderr = stderr(r)
		s.Failures[i].Failure = &told
	}
}

// slow keeps the slowest files, which were few to be compared with.
func (s *summary) slow(r workload.Result, took time.Duration) {
	if len(s.Slowest) == maxSlowest && took <= tookOf(s.Slowest[maxSlowest-1]) {
		return
	}
	r.Outputs = nil
	at, _ := slices.BinarySearchFunc(s.Slowest, took, func(other workload.Result, took time.Duration) int {
		return cmp.Compare(took, tookOf(other))
	})
	s.Slowest = slices.Insert(s.Slowest, at, r)
	s.Slowest = s.Slowest[:min(len(s.Slowest), maxSlowest)]
}

func tookOf(r workload.Result) time.Duration { return r.Ended.Sub(r.Started) }

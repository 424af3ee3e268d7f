package report

import (
	"maps"
	"slices"
	"time"

	"github.com/durabatch/durabatch/workload"
)

// usage is what nodes did over time: for each node and each bucket of time the
// seconds that tasks ran, and how many ended in failure. The buckets begin with
// a second each; when there are too many, neighbours are put together.
type usage struct {
	began time.Time
	width time.Duration
	nodes map[string]*row
	ends  []ended // by bucket, of all nodes
}

// row is one node's time.
type row struct {
	Name    string
	busy    []float64 // seconds, by bucket
	failed  []int32   // by bucket of their end
	Files   int64
	Failed  int64
	Seconds float64
}

type ended struct{ succeeded, failed int64 }

func newUsage(began time.Time) usage {
	return usage{began: began, width: time.Second, nodes: map[string]*row{}}
}

func (u *usage) add(r workload.Result) {
	from, to := max(r.Started.Sub(u.began), 0), max(r.Ended.Sub(u.began), 0)
	for int(to/u.width) >= maxBuckets {
		u.widen()
	}
	n := u.nodes[r.Node]
	if n == nil {
		n = &row{Name: r.Node}
		u.nodes[r.Node] = n
	}
	last := int(to / u.width)
	n.busy, n.failed, u.ends = grown(n.busy, last), grown(n.failed, last), grown(u.ends, last)
	for bucket := int(from / u.width); bucket <= last; bucket++ {
		begin := time.Duration(bucket) * u.width
		n.busy[bucket] += (min(to, begin+u.width) - max(from, begin)).Seconds()
	}
	n.Files++
	n.Seconds += (to - from).Seconds()
	if r.State == workload.TaskSucceeded {
		u.ends[last].succeeded++
		return
	}
	n.Failed++
	n.failed[last]++
	u.ends[last].failed++
}

// widen makes one bucket of two.
func (u *usage) widen() {
	u.width *= 2
	for _, n := range u.nodes {
		n.busy = paired(n.busy, func(a, b float64) float64 { return a + b })
		n.failed = paired(n.failed, func(a, b int32) int32 { return a + b })
	}
	u.ends = paired(u.ends, func(a, b ended) ended { return ended{a.succeeded + b.succeeded, a.failed + b.failed} })
}

func paired[T any](s []T, sum func(a, b T) T) []T {
	for i := range (len(s) + 1) / 2 {
		s[i] = s[2*i]
		if 2*i+1 < len(s) {
			s[i] = sum(s[i], s[2*i+1])
		}
	}
	return s[:(len(s)+1)/2]
}

func grown[T any](s []T, last int) []T {
	if len(s) > last {
		return s
	}
	return append(s, make([]T, last+1-len(s))...)
}

// Nodes are all of them, in the order of their names.
func (u *usage) Nodes() []*row {
	return slices.SortedFunc(maps.Values(u.nodes), func(a, b *row) int { return cmpNames(a.Name, b.Name) })
}

// cmpNames compares as people count: node-2 comes before node-10.
func cmpNames(a, b string) int {
	if len(a) != len(b) && strippedDigits(a) == strippedDigits(b) {
		return len(a) - len(b)
	}
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func strippedDigits(s string) string {
	end := len(s)
	for end > 0 && s[end-1] >= '0' && s[end-1] <= '9' {
		end--
	}
	return s[:end]
}

// buckets is how many of them are used.
func (u *usage) buckets() int { return len(u.ends) }

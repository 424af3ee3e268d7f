package report

import (
	"math"
	"time"
)

// durations counts how long files took, in steps of a twentieth, so that any
// number of them takes a few kilobytes. Answers are within five percent.
type durations struct {
	steps map[int]int64
	n     int64
	sum   time.Duration
	least time.Duration
	most  time.Duration
}

const growth = 1.05

func (d *durations) add(took time.Duration) {
	if d.steps == nil {
		d.steps = map[int]int64{}
		d.least = took
	}
	d.steps[stepOf(took)]++
	d.n++
	d.sum += took
	d.least, d.most = min(d.least, took), max(d.most, took)
}

func stepOf(took time.Duration) int {
	return int(math.Log(float64(max(took, time.Millisecond))/float64(time.Millisecond)) / math.Log(growth))
}

// Some says whether there is anything to tell.
func (d *durations) Some() bool { return d.n > 0 }

// Sum is of all files together, one after the other.
func (d *durations) Sum() time.Duration { return d.sum }

// Least is the shortest.
func (d *durations) Least() time.Duration { return d.least }

// Most is the longest.
func (d *durations) Most() time.Duration { return d.most }

// Percentile is the time that percent of the files did not exceed.
func (d *durations) Percentile(percent int) time.Duration {
	wanted := (d.n*int64(percent) + 99) / 100
	var passed int64
	for step := stepOf(d.least); step <= stepOf(d.most); step++ {
		passed += d.steps[step]
		if passed >= wanted {
			middle := math.Pow(growth, float64(step)+0.5) * float64(time.Millisecond)
			return min(max(time.Duration(middle), d.least), d.most)
		}
	}
	return d.most
}

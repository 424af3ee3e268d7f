package main

import "time"

// paceWindow is how far back a rate looks: long enough to be steady, short
// enough to follow nodes that come and go.
const paceWindow = time.Minute

// pace tells how fast something gets on, from what was seen of it.
type pace struct{ seen []mark }

type mark struct {
	at   time.Time
	done int64
}

// add notes how much is done at a moment. What becomes less begins anew.
func (p *pace) add(at time.Time, done int64) {
	if n := len(p.seen); n > 0 && done < p.seen[n-1].done {
		p.seen = nil
	}
	p.seen = append(p.seen, mark{at, done})
	for len(p.seen) > 2 && at.Sub(p.seen[1].at) >= paceWindow {
		p.seen = p.seen[1:]
	}
}

// perSecond is the rate over the window; 0 where nothing can be told yet.
func (p *pace) perSecond() float64 {
	if len(p.seen) < 2 {
		return 0
	}
	first, last := p.seen[0], p.seen[len(p.seen)-1]
	took := last.at.Sub(first.at)
	if took < time.Second {
		return 0
	}
	return float64(last.done-first.done) / took.Seconds()
}

// left is how long the rest takes at this rate; 0 where that cannot be told.
func (p *pace) left(total int64) time.Duration {
	rate := p.perSecond()
	if rate <= 0 {
		return 0
	}
	rest := float64(total - p.seen[len(p.seen)-1].done)
	return time.Duration(max(rest, 0) / rate * float64(time.Second))
}

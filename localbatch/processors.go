package localbatch

// processors knows how much of the time of the machine's processors is used.
// It is used by one goroutine at a time.
type processors struct {
	busy, total uint64 // when it was last asked
}

// used is the part of the time since the last call that was used, from 0 to 1;
// nil: it is not known here, or not yet.
func (p *processors) used() *float64 {
	busy, total, ok := processorTime()
	before := *p
	if !ok {
		return nil
	}
	p.busy, p.total = busy, total
	if before.total == 0 || total <= before.total || busy < before.busy {
		return nil
	}
	return new(float64(busy-before.busy) / float64(total-before.total))
}

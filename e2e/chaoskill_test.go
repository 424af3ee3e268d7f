package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// chaosKiller kills parts of a stack as a power cut does, at moments and in an order
// that its seed decides.
type chaosKiller struct {
	stack *stack
	chaos *rand.Rand
	mean  time.Duration // between two kills

	last  map[string]int // the process of each part that was killed last
	kills map[string]int
	all   int // moments at which every part was killed
}

func newChaosKiller(s *stack, seed uint64, mean time.Duration) *chaosKiller {
	return &chaosKiller{
		stack: s, chaos: rand.New(rand.NewPCG(seed, 0)), mean: mean,
		last: map[string]int{}, kills: map[string]int{},
	}
}

// next is how long to wait, and whom to kill then: one of the parts or, one
// time in ten, all of them.
func (k *chaosKiller) next() (time.Duration, []string) {
	wait := time.Duration(k.chaos.Int64N(2 * int64(k.mean)))
	if k.chaos.IntN(10) == 0 {
		return wait, parts
	}
	return wait, []string{parts[k.chaos.IntN(len(parts))]}
}

// keepKilling kills until ctx ends. The stack starts again what dies.
func (k *chaosKiller) keepKilling(ctx context.Context, t *testing.T) {
	for {
		wait, victims := k.next()
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		for _, part := range victims {
			k.kill(part)
		}
		if len(victims) > 1 {
			k.all++
		}
		t.Logf("killed %s", strings.Join(victims, ", "))
	}
}

// kill kills the process of a part, unless that was killed already and its
// successor has not begun.
func (k *chaosKiller) kill(part string) {
	text, err := os.ReadFile(filepath.Join(k.stack.dir, part+".pid"))
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid == k.last[part] || syscall.Kill(pid, syscall.SIGKILL) != nil {
		return
	}
	k.last[part] = pid
	k.kills[part]++
}

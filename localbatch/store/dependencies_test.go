package store_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/store"
)

func update(t testing.TB, s *store.Store, f func(*store.Tx) error) {
	t.Helper()
	require.NoError(t, s.Update(f))
}

// TestNumberRuns adds and removes numbers at random and holds the runs against
// a plain set.
func TestNumberRuns(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const low, high = -3, 8
	set := map[int64]bool{}
	for range 60 {
		n := int64(low + random.IntN(high-low+1))
		update(t, s, func(tx *store.Tx) error {
			if random.IntN(3) == 0 {
				delete(set, n)
				return tx.RemoveNumber(1, n)
			}
			_, added, err := tx.AddNumber(1, n)
			require.Equal(t, !set[n], added)
			set[n] = true
			return err
		})
		require.NoError(t, s.View(func(tx *store.Tx) error {
			for n := int64(low - 1); n <= high+1; n++ {
				run, found, err := tx.NumberRun(1, n)
				require.NoError(t, err)
				require.Equal(t, set[n], found)
				if found {
					require.True(t, run.First <= n && n <= run.Last && !set[run.First-1] && !set[run.Last+1])
					for inside := run.First; inside <= run.Last; inside++ {
						require.True(t, set[inside])
					}
				}
				_, found, err = tx.NumberRun(2, n)
				require.NoError(t, err)
				require.False(t, found, "another job has numbers of its own")
			}
			return nil
		}))
	}
}

func TestSatisfiedForTasksOfATime(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	job := addJob(t, s, "job")
	require.NoError(t, addTasks(s, job, 0, 3)) // keys 1 to 3
	four := int64(4)
	satisfied := func(by int64) (id, number bool) {
		require.NoError(t, s.View(func(tx *store.Tx) (err error) {
			if id, err = tx.Satisfied(job, "04", by); err != nil {
				return err
			}
			number, err = tx.NumberSatisfied(job, 4, by)
			return err
		}))
		return id, number
	}
	expect := func(by int64, wantID, wantNumber bool) {
		t.Helper()
		id, number := satisfied(by)
		require.Equal(t, []bool{wantID, wantNumber}, []bool{id, number})
	}
	expect(1, false, false)
	update(t, s, func(tx *store.Tx) error { return tx.Satisfy(job, "04", &four) })
	expect(store.Newest, true, true)
	update(t, s, func(tx *store.Tx) error { return tx.Unsatisfy(job, "04") })
	expect(3, true, true)
	expect(4, false, false)
	update(t, s, func(tx *store.Tx) error { return tx.Satisfy(job, "4", &four) })
	expect(4, false, true)
	require.NoError(t, addTasks(s, job, 3, 5))
	update(t, s, func(tx *store.Tx) error { return tx.Unsatisfy(job, "04") }) // it is not satisfied now
	expect(4, false, true)
	update(t, s, func(tx *store.Tx) error {
		left, err := tx.DeleteDependencies(job, 1)
		require.Equal(t, int64(1), left)
		for left > 0 && err == nil {
			left, err = tx.DeleteDependencies(job, 1)
		}
		return err
	})
	expect(1, false, false)
}

// BenchmarkDependencies has 100,000 tasks wait for one, and one for 100,000.
func BenchmarkDependencies(b *testing.B) {
	const tasks, step = 100_000, 1000
	for b.Loop() {
		s := open(b, b.TempDir())
		job := addJob(b, s, "job")
		for i := 0; i < tasks; i += step {
			require.NoError(b, addTasks(s, job, i, i+step))
		}
		began := time.Now()
		for i := int64(0); i < tasks; i += step {
			update(b, s, func(tx *store.Tx) error {
				for key := i + 1; key <= i+step; key++ {
					if err := tx.SetWait(store.Wait{Task: key, Job: job, Parent: "root"}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		b.ReportMetric(tasks/time.Since(began).Seconds(), "waits/s")

		longest := time.Duration(0)
		began = time.Now()
		for released := int64(step); released == step; {
			start := time.Now()
			update(b, s, func(tx *store.Tx) (err error) {
				released, err = tx.ReleaseTasks(job, "root", 0, 1, step)
				return err
			})
			longest = max(longest, time.Since(start))
		}
		b.ReportMetric(tasks/time.Since(began).Seconds(), "releases/s")
		b.ReportMetric(float64(longest.Microseconds())/1000, "longest-ms")

		began = time.Now()
		for i := int64(0); i < tasks; i += step {
			update(b, s, func(tx *store.Tx) error {
				for n := i + 1; n <= i+step; n++ {
					if _, _, err := tx.AddNumber(job, n); err != nil {
						return err
					}
				}
				return nil
			})
		}
		b.ReportMetric(tasks/time.Since(began).Seconds(), "numbers/s")
		require.NoError(b, s.View(func(tx *store.Tx) error {
			began := time.Now()
			run, _, err := tx.NumberRun(job, tasks)
			b.ReportMetric(float64(time.Since(began).Microseconds()), "range-µs")
			require.Equal(b, store.Run{First: 1, Last: tasks}, run)
			return err
		}))
	}
}

package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/durabatch/durabatch/localbatch/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func addJob(t testing.TB, s *store.Store, id string) int64 {
	t.Helper()
	var key int64
	require.NoError(t, s.Update(func(tx *store.Tx) (err error) {
		key, err = tx.InsertJob(store.Job{ID: id, PoolID: "pool", State: "active", MaxParallel: -1, Body: []byte("{}")})
		return err
	}))
	return key
}

func addTasks(s *store.Store, job int64, from, to int) error {
	return s.Update(func(tx *store.Tx) error {
		n := int32(to - from)
		for i := from; i < to; i++ {
			task := store.Task{
				Job: job, ID: fmt.Sprintf("task-%08d", i), State: "active", StateTime: 1, Created: 1, Modified: 1,
				Slots: 1, Ready: store.Time(i + 1), Body: body,
			}
			if _, added, err := tx.InsertTask(task); err != nil || !added {
				return errors.Join(err, fmt.Errorf("task %d: added %v", i, added))
			}
		}
		return tx.AddCounts(job, store.Counts{Active: n}, store.Counts{Active: n})
	})
}

var body = fmt.Appendf(nil, `{"commandLine":"/bin/bash -c true","padding":"%0600d"}`, 1)

func ids(tasks []store.Task) []string {
	var all []string
	for _, t := range tasks {
		all = append(all, t.ID)
	}
	return all
}

func TestChangesSurviveReopening(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a b%20c?#") // a path SQLite's own syntax must not read into
	s, err := store.Open(dir)
	require.NoError(t, err)
	job := addJob(t, s, "Job-1")
	require.NoError(t, addTasks(s, job, 0, 5))
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Update(func(*store.Tx) error { return nil }), store.ErrClosed)

	info, err := os.Stat(filepath.Join(dir, "batch.db"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	s = open(t, dir)
	require.NoError(t, s.View(func(tx *store.Tx) error {
		found, ok, err := tx.Job("JOB-1")
		require.True(t, ok)
		require.Equal(t, "Job-1", found.ID)
		require.Equal(t, store.Counts{Active: 5}, found.Tasks)
		return err
	}))
}

func TestOneProcessPerDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir)
	_, err := store.Open(dir)
	require.ErrorContains(t, err, "another Batch service is using it")
}

func TestFailedChangeLeavesNothing(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	job := addJob(t, s, "job")
	refused := errors.New("refused")
	var group sync.WaitGroup
	for i := range 20 { // some of these share a commit
		group.Go(func() {
			err := s.Update(func(tx *store.Tx) error {
				task := store.Task{Job: job, ID: fmt.Sprint("t", i), State: "active", Slots: 1, Body: body}
				if _, _, err := tx.InsertTask(task); err != nil {
					return err
				}
				switch i % 4 {
				case 1:
					return refused
				case 2:
					panic("a mistake")
				}
				return nil
			})
			switch i % 4 {
			case 1:
				require.ErrorIs(t, err, refused)
			case 2:
				require.ErrorContains(t, err, "a mistake")
			default:
				require.NoError(t, err)
			}
		})
	}
	group.Wait()
	require.NoError(t, s.View(func(tx *store.Tx) error {
		tasks, err := tx.Tasks(job, nil, "", 100)
		require.Len(t, tasks, 10)
		return err
	}))
}

func TestTaskRoundTrip(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	job := addJob(t, s, "job")
	code := int32(0)
	want := store.Task{
		Job: job, ID: "one", State: "completed", StateTime: 9, PreviousState: "running", PreviousStateTime: 8,
		Created: 1, Modified: 2, Slots: 3, Started: 4, Ended: 5, ExitCode: &code, Result: "success", Retries: 6,
		LastRetry: 7, Requeues: 8, LastRequeue: 9, PoolID: "p", NodeID: "n", Process: "12 x", FilesUntil: store.Never,
		Failure: []byte("{}"), Body: body,
	}
	require.NoError(t, s.Update(func(tx *store.Tx) (err error) {
		want.Key, _, err = tx.InsertTask(want)
		if err != nil {
			return err
		}
		return tx.UpdateTask(want)
	}))
	require.NoError(t, s.View(func(tx *store.Tx) error {
		got, ok, err := tx.TaskByKey(want.Key)
		require.True(t, ok)
		require.Equal(t, want, got)
		return err
	}))
}

func TestTasksWhere(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	job := addJob(t, s, "job")
	other := addJob(t, s, "other")
	require.NoError(t, addTasks(s, job, 0, 30))
	require.NoError(t, addTasks(s, other, 0, 3))
	require.NoError(t, s.Update(func(tx *store.Tx) error {
		for i := range 4 {
			task, _, err := tx.Task(job, fmt.Sprintf("TASK-%08d", i))
			if err != nil {
				return err
			}
			code := int32(i)
			task.State, task.ExitCode, task.Ready = "completed", &code, 0
			task.Result = map[bool]string{true: "success", false: "failure"}[i == 0]
			if err := tx.UpdateTask(task); err != nil {
				return err
			}
		}
		return nil
	}))
	completed := store.Compare{Column: store.State, Op: store.Equal, Value: "completed"}
	cases := map[string]struct {
		where store.Where
		after string
		want  []string
	}{
		"everything after an id": {nil, "Task-00000027", []string{"task-00000028", "task-00000029"}},
		"range": {store.And{
			Left:  store.Compare{Column: store.ID, Op: store.GreaterOrEqual, Value: "TASK-00000010"},
			Right: store.Compare{Column: store.ID, Op: store.Less, Value: "task-00000012"},
		}, "", []string{"task-00000010", "task-00000011"}},
		"prefix": {store.HasPrefix{Column: store.ID, Prefix: "TASK-0000002"}, "task-00000027", []string{"task-00000028", "task-00000029"}},
		"failed": {store.And{Left: completed, Right: store.Compare{Column: store.Result, Op: store.Equal, Value: "failure"}}, "",
			[]string{"task-00000001", "task-00000002", "task-00000003"}},
		"either": {store.And{Left: completed, Right: store.Or{
			Left:  store.Compare{Column: store.ExitCode, Op: store.Equal, Value: int64(0)},
			Right: store.Compare{Column: store.ExitCode, Op: store.Greater, Value: int64(2)},
		}}, "", []string{"task-00000000", "task-00000003"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, s.View(func(tx *store.Tx) error {
				tasks, err := tx.Tasks(job, c.where, c.after, 100)
				require.Equal(t, c.want, ids(tasks))
				return err
			}))
		})
	}
	require.NoError(t, s.View(func(tx *store.Tx) error {
		ready, err := tx.ReadyTasks(job, 1, store.Task{}, 2)
		require.Equal(t, []string{"task-00000004", "task-00000005"}, ids(ready))
		return err
	}))
}

func BenchmarkAddTasks(b *testing.B) {
	s := open(b, b.TempDir())
	job := addJob(b, s, "job")
	for i := 0; b.Loop(); i++ {
		require.NoError(b, addTasks(s, job, i*100, i*100+100))
	}
	b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "tasks/s")
}

func BenchmarkPageOf1000(b *testing.B) {
	s := open(b, b.TempDir())
	job := addJob(b, s, "job")
	for i := 0; i < 100_000; i += 100 {
		require.NoError(b, addTasks(s, job, i, i+100))
	}
	for b.Loop() {
		require.NoError(b, s.View(func(tx *store.Tx) error {
			tasks, err := tx.Tasks(job, nil, "task-00050000", 1000)
			require.Len(b, tasks, 1000)
			return err
		}))
	}
}

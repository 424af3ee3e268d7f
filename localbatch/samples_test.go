package localbatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/store"
)

func TestHistoriesAreReadOnce(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	first := store.TimeOf(time.Now())
	taken := 0
	take := func(count int) {
		require.NoError(t, db.Update(func(tx *store.Tx) error {
			for range count {
				s := store.Sample{Pool: 1, Time: first.Add(time.Duration(taken) * time.Second), Usable: int32(taken)}
				if err := tx.InsertSample(s); err != nil {
					return err
				}
				taken++
			}
			return tx.DeleteSamples(1, first.Add(time.Second))
		}))
	}
	var known histories
	read := func() (samples []store.Sample) {
		require.NoError(t, db.View(func(tx *store.Tx) (err error) {
			samples, err = known.of(tx, 1)
			return err
		}))
		return samples
	}
	require.Empty(t, read())
	take(3)
	require.Len(t, read(), 2, "the oldest is deleted")
	before := read()
	take(keptSamples)
	samples := read()
	require.Len(t, samples, keptSamples)
	require.Equal(t, int32(taken-1), samples[keptSamples-1].Usable)
	require.Equal(t, int32(taken-keptSamples), samples[0].Usable)
	require.Equal(t, int32(1), before[0].Usable, "what was read before stays as it was")
	known.forget(1)
	require.Len(t, read(), keptSamples)
}

func TestScheduleOfEvaluations(t *testing.T) {
	t.Parallel()
	now := store.TimeOf(time.Now())
	for name, test := range map[string]struct{ next, want store.Time }{
		"the first":              {0, now.Add(time.Hour)},
		"in time":                {now, now.Add(time.Hour)},
		"a little late":          {now.Add(-time.Minute), now.Add(59 * time.Minute)},
		"missed several times":   {now.Add(-5 * time.Hour), now.Add(time.Hour)},
		"a formula between them": {now.Add(time.Minute), now.Add(time.Minute)},
	} {
		schedule := autoScaleSchedule{Next: test.next}
		schedule.advance(now, time.Hour)
		require.Equal(t, test.want, schedule.Next, name)
	}
}

func TestProcessorTimeIsAPart(t *testing.T) {
	t.Parallel()
	p := processors{busy: 1, total: 2} // as if long ago
	if _, _, ok := processorTime(); !ok {
		require.Nil(t, p.used(), "the machine does not tell")
		return
	}
	used := p.used()
	require.NotNil(t, used)
	require.GreaterOrEqual(t, *used, 0.0)
	require.LessOrEqual(t, *used, 1.0)
	fresh := processors{}
	require.Nil(t, fresh.used(), "of no time there is no part")
}

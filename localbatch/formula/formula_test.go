package formula_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/formula"
)

// now is a Wednesday.
var now = time.Date(2026, time.January, 14, 13, 45, 30, 250e6, time.UTC)

// pool has these samples of its variables, the last of each taken ten seconds
// ago, the others every 30 s before.
func pool(series map[string][]float64) formula.Pool {
	return formula.Pool{
		Now: now, TargetDedicatedNodes: 2, TargetLowPriorityNodes: 1, SamplePeriod: 30 * time.Second,
		Metric: func(variable string) (formula.Metric, error) {
			var m formula.Metric
			switch variable {
			case "$TaskSlotsPerNode":
				m.Now = new(float64(4))
			case "$CurrentDedicatedNodes":
				m.Now = new(float64(3))
			}
			values := series[variable]
			for i, v := range values {
				age := 10*time.Second + time.Duration(len(values)-1-i)*30*time.Second
				m.Samples = append(m.Samples, formula.Sample{Time: now.Add(-age), Value: v})
			}
			return m, nil
		},
	}
}

func evaluate(text string, series map[string][]float64) (formula.Result, error) {
	f, err := formula.Parse(text)
	if err != nil {
		return formula.Result{}, err
	}
	return f.Evaluate(pool(series))
}

// value evaluates an expression.
func value(t *testing.T, expression string, series map[string][]float64) string {
	t.Helper()
	result, err := evaluate("x = "+expression, series)
	require.NoError(t, err, expression)
	require.Equal(t, "x", result.Variables[0].Name)
	return result.Variables[0].Value
}

func TestExpressions(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"1 + 2 * 3 - 4 / 8":      "6.5",
		"(1 + 2) * -3":           "-9",
		"10 - 4 - 3":             "3",
		".5 + 1.25e1":            "13",
		"!0 + !3":                "1",
		"--2":                    "2",
		"1 < 2 == 1":             "1",
		"1 / 0":                  "Infinity",
		"0 / 0":                  "NaN",
		"0 / 0 == 0 / 0":         "0",
		"0 / 0 != 1":             "1",
		"-0":                     "0",
		"1e20":                   "1E+20",
		"2 && 3":                 "1",
		"0 || 0":                 "0",
		"0 && nothing":           "0",
		"1 || nothing":           "1",
		"1 ? 2 : nothing":        "2",
		"0 ? 1 : 0 ? 2 : 3":      "3",
		`"a" < "b"`:              "1",
		`"a" == "A"`:             "0",
		`"a"`:                    "a",
		"requeue == \"requeue\"": "1",

		"[1, 2, 3]":             "[1,2,3]",
		"[1, 2, 3] * 2":         "[2,4,6]",
		"[1, 2, 3] - [1, 1, 1]": "[0,1,2]",
		"vec(1, [2, 3])":        "[1,2,3]",
		"vec()":                 "[]",

		"avg([1, 2, 3], 6)":                  "3",
		"len([1, 2], 3)":                     "3",
		"len()":                              "0",
		"sum()":                              "0",
		"min(3, [1, 2])":                     "1",
		"max([1, 2], 0)":                     "2",
		"range(5, [1, 9])":                   "8",
		"norm(3, 4)":                         "5",
		"std(2, 4, 4, 4, 5, 5, 7, 9) > 2.13": "1",
		"percentile([40, 10, 30, 20], 50)":   "20",
		"percentile([40, 10, 30, 20], 0)":    "10",
		"percentile([40, 10, 30, 20], 100)":  "40",
		"val([5, 6, 7], 1.9)":                "6",
		"lg(8)":                              "3",
		"lg(vec(8))":                         "[3]",
		"log([10, 100], 1000)":               "[1,2,3]",
		"ln(1)":                              "0",
		"ceil(1.2)":                          "2",
		"floor(vec(1.7, -1.2))":              "[1,-2]",
		"round(2.5)":                         "3",
		"rand() >= 0 && rand() < 1":          "1",

		"time()":                       "2026-01-14T13:45:30.250Z",
		`time("")`:                     "2026-01-14T13:45:30.250Z",
		`time("2026")`:                 "2026-01-01T00:00:00.000Z",
		`time("2026-11")`:              "2026-11-01T00:00:00.000Z",
		`time("2026-11-23")`:           "2026-11-23T00:00:00.000Z",
		`time("2026-11-23T14:00Z")`:    "2026-11-23T14:00:00.000Z",
		`time("2026-11-23T14:00:00Z")`: "2026-11-23T14:00:00.000Z",
		`time("2026-11-23T14:00:00.1234567+02:00")`: "2026-11-23T12:00:00.123Z",
		`time("Mon, 23 Nov 2026 14:00:00 GMT")`:     "2026-11-23T14:00:00.000Z",
		`time("Mon, 23 Nov 2026 14:00:00 -0700")`:   "2026-11-23T21:00:00.000Z",
		`time("2026-11-23T14:00:00Z") > time()`:     "1",
		"time().year * 100 + time().month":          "202601",
		"[time().day, time().hour, time().minute]":  "[14,13,45]",
		"time().second":                                              "30",
		"time().weekday":                                             "3",
		`time("2026-01-18").weekday`:                                 "0",
		"time() - (time() + -TimeInterval_Hour)":                     "01:00:00",
		"TimeInterval_Day + time() == time() + TimeInterval_Day":     "1",
		"2 * TimeInterval_Day + TimeInterval_Second / 4":             "2.00:00:00.2500000",
		"-TimeInterval_Minute * 90":                                  "-01:30:00",
		"TimeInterval_Week == 7 * TimeInterval_Day":                  "1",
		"TimeInterval_Zero < TimeInterval_100ns":                     "1",
		"TimeInterval_Year - 365 * TimeInterval_Day":                 "00:00:00",
		"TimeInterval_Millisecond - 1000 * TimeInterval_Microsecond": "00:00:00",

		"$TargetDedicatedNodes + $TargetDedicated":     "4",
		"$TargetLowPriorityNodes - $TargetLowPriority": "0",
		"$NodeDeallocationOption":                      "requeue",
		"$TaskSlotsPerNode * $TaskSlotsPerNode":        "16",
		"$CurrentDedicatedNodes - $CurrentDedicated":   "0",
		"1 // the rest is nothing":                     "1",
		"1 /* neither * this\n / * */ + 1":             "2",
	} {
		require.Equal(t, want, value(t, expression, nil), expression)
	}
}

func TestSamples(t *testing.T) {
	t.Parallel()
	series := map[string][]float64{"$ActiveTasks": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}
	for expression, want := range map[string]string{
		"$ActiveTasks":                "10",
		"$ActiveTasks.GetSample(1)":   "[10]",
		"$ActiveTasks.GetSample(3)":   "[8,9,10]",
		"$ActiveTasks.GetSample(0)":   "[]",
		"$ActiveTasks.GetSample(500)": "[1,2,3,4,5,6,7,8,9,10]",
		"$ActiveTasks.Count()":        "10",

		"$ActiveTasks.GetSample(TimeInterval_Minute)":                                      "[9,10]",
		"$ActiveTasks.GetSample(TimeInterval_Minute, 100)":                                 "[9,10]",
		"$ActiveTasks.GetSample(TimeInterval_Minute * 10, 50)":                             "[1,2,3,4,5,6,7,8,9,10]",
		"$ActiveTasks.GetSample(TimeInterval_Minute * 1, TimeInterval_Minute * 2)":         "[7,8]",
		"$ActiveTasks.GetSample(TimeInterval_Minute * 2, TimeInterval_Minute * 1, 100)":    "[7,8]",
		"$ActiveTasks.GetSample(time() + -TimeInterval_Minute)":                            "[9,10]",
		"$ActiveTasks.GetSample(time() + -TimeInterval_Minute, TimeInterval_Second * 30)":  "[9]",
		"$ActiveTasks.GetSample(time() + -TimeInterval_Hour, time() + -TimeInterval_Hour)": "[]",

		"$ActiveTasks.GetSamplePercent(TimeInterval_Minute * 5)":                          "100",
		"$ActiveTasks.GetSamplePercent(TimeInterval_Minute * 10)":                         "50",
		"$ActiveTasks.GetSamplePercent(TimeInterval_Minute * 4, TimeInterval_Minute * 6)": "50",
		"$ActiveTasks.GetSamplePercent(TimeInterval_Hour, TimeInterval_Day)":              "0",
		"$ActiveTasks.GetSamplePeriod()":                                                  "00:00:30",
		"$ActiveTasks.HistoryBeginTime()":                                                 "2026-01-14T13:40:50.250Z",
		"max(0, $RunningTasks.GetSample(1))":                                              "0",
		"$RunningTasks.Count()":                                                           "0",
		"$RunningTasks.GetSamplePercent(TimeInterval_Minute)":                             "0",
	} {
		require.Equal(t, want, value(t, expression, series), expression)
	}
}

// TestFormulas evaluates formulas of the kinds that the documentation shows.
func TestFormulas(t *testing.T) {
	t.Parallel()
	repeat := func(n int, v float64) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = v
		}
		return values
	}
	byQueue := `
		// A cautious start, then as many nodes as there is work on average.
		least = 1; most = 8;
		known = $PendingTasks.GetSamplePercent(3 * TimeInterval_Minute);
		wanted = known < 70 ? least : avg($PendingTasks.GetSample(3 * TimeInterval_Minute));
		$TargetDedicatedNodes = min(most, wanted);
		$NodeDeallocationOption = taskcompletion;`
	byLoad := `
		$wanted = min($CPUPercent.GetSample(10 * TimeInterval_Minute)) > 0.7 ? $CurrentDedicatedNodes * 1.5 : $CurrentDedicatedNodes;
		$wanted = avg($CPUPercent.GetSample(10 * TimeInterval_Minute)) < 0.2 ? $CurrentDedicatedNodes * 0.5 : $wanted;
		$TargetDedicatedNodes = min(400, $wanted)`
	replaceSpot := `
		all = 5;
		$TargetDedicatedNodes = min(all, $PreemptedNodeCount.GetSample(1));
		$TargetLowPriorityNodes = all - $TargetDedicatedNodes;`
	bySlots := `
		$tasks = max($ActiveTasks.GetSample(1), avg($ActiveTasks.GetSample(TimeInterval_Minute * 15)));
		$missing = ($tasks - $TargetDedicatedNodes * $TaskSlotsPerNode + ($TaskSlotsPerNode - 1)) / $TaskSlotsPerNode;
		$TargetDedicatedNodes = max(0, min($TargetDedicatedNodes + $missing, 10));`
	idleTooLong := `
		$TargetDedicatedNodes = 4;
		age = time() - time("Wed, 14 Jan 2026 13:00:00 GMT");
		span = TimeInterval_Minute * 5;
		$TargetDedicatedNodes = age > 10 * TimeInterval_Minute
			? (max($RunningTasks.GetSample(span, 50), $ActiveTasks.GetSample(span, 50)) == 0 ? 0 : $TargetDedicatedNodes) : 4;`
	lease := `$TargetDedicatedNodes = time() < time("2026-11-23T14:00:00Z") ? 4 : 0; $NodeDeallocationOption = requeue;`
	lapsed := `$TargetDedicatedNodes = time() < time("2025-11-23T14:00:00Z") ? 4 : 0; $NodeDeallocationOption = requeue;`
	tests := []struct {
		name, text string
		series     map[string][]float64
		want       string
	}{
		{"by time", `$now = time();
			$work = $now.hour >= 8 && $now.hour < 18 && $now.weekday >= 1 && $now.weekday <= 5;
			$TargetDedicatedNodes = $work ? 20 : 10`, nil,
			"$TargetDedicatedNodes=20;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue;$now=2026-01-14T13:45:30.250Z;$work=1"},
		{"too few samples of the queue", byQueue, map[string][]float64{"$PendingTasks": {9, 9}},
			"$TargetDedicatedNodes=1;$TargetLowPriorityNodes=1;$NodeDeallocationOption=taskcompletion;known=33.333333333333336;least=1;most=8;wanted=1"},
		{"the queue", byQueue, map[string][]float64{"$PendingTasks": {1, 2, 3, 4, 5, 6, 7, 3}},
			"$TargetDedicatedNodes=4;$TargetLowPriorityNodes=1;$NodeDeallocationOption=taskcompletion;known=100;least=1;most=8;wanted=4.666666666666667"},
		{"a long queue", byQueue, map[string][]float64{"$PendingTasks": repeat(20, 90)},
			"$TargetDedicatedNodes=8;$TargetLowPriorityNodes=1;$NodeDeallocationOption=taskcompletion;known=100;least=1;most=8;wanted=90"},
		{"busy nodes", byLoad, map[string][]float64{"$CPUPercent": repeat(20, 0.9)},
			"$TargetDedicatedNodes=4;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue;$wanted=4.5"},
		{"idle nodes", byLoad, map[string][]float64{"$CPUPercent": repeat(20, 0.1)},
			"$TargetDedicatedNodes=1;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue;$wanted=1.5"},
		{"preempted nodes", replaceSpot, map[string][]float64{"$PreemptedNodeCount": {0, 2}},
			"$TargetDedicatedNodes=2;$TargetLowPriorityNodes=3;$NodeDeallocationOption=requeue;all=5"},
		{"task slots", bySlots, map[string][]float64{"$ActiveTasks": {17}},
			"$TargetDedicatedNodes=5;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue;$missing=3;$tasks=17"},
		{"nothing to do for long", idleTooLong, map[string][]float64{"$RunningTasks": repeat(10, 0), "$ActiveTasks": repeat(10, 0)},
			"$TargetDedicatedNodes=0;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue;age=00:45:30.2500000;span=00:05:00"},
		{"something to do", idleTooLong, map[string][]float64{"$RunningTasks": repeat(10, 1), "$ActiveTasks": repeat(10, 0)},
			"$TargetDedicatedNodes=4;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue;age=00:45:30.2500000;span=00:05:00"},
		{"a lease", lease, nil, "$TargetDedicatedNodes=4;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue"},
		{"a lapsed lease", lapsed, nil, "$TargetDedicatedNodes=0;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue"},
		{"nothing set", "x = 1", nil, "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue;x=1"},
		{"the older names", "$TargetDedicated = 7; $TargetLowPriority = 8", nil,
			"$TargetDedicatedNodes=7;$TargetLowPriorityNodes=8;$NodeDeallocationOption=requeue"},
		{"the newer name wins", "$TargetDedicatedNodes = 6; $TargetDedicated = 7", nil,
			"$TargetDedicatedNodes=6;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue"},
		{"stopped", ";; $TargetDedicatedNodes = 6; stop(); $TargetDedicatedNodes = 7;", nil,
			"$TargetDedicatedNodes=6;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue"},
		{"names in order", "b = 1; $b = 2; a = 3; B = 4", nil,
			"$TargetDedicatedNodes=2;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue;$b=2;B=4;a=3;b=1"},
	}
	for _, test := range tests {
		result, err := evaluate(test.text, test.series)
		require.NoError(t, err, test.name)
		require.Equal(t, test.want, result.String(), test.name)
	}
}

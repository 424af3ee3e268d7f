package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

// forecast is what plan answers: what a run would do, and what stands in its
// way.
type forecast struct {
	Name     string    `json:"name"`
	CanRun   bool      `json:"canRun"` // no finding is an error
	Counted  bool      `json:"counted"`
	Files    int64     `json:"files"`
	Bytes    int64     `json:"bytes"`
	Largest  int64     `json:"largest"` // bytes of the largest file
	Tasks    int64     `json:"tasks"`
	Requests requests  `json:"requests"`
	Pool     string    `json:"pool"`
	Estimate estimate  `json:"estimate"`
	Findings []finding `json:"findings"`
}

func (f *forecast) say(check string, s state, cure, format string, args ...any) {
	f.Findings = append(f.Findings, finding{check, s, sentenceOf(azure.Scrub(fmt.Sprintf(format, args...)), 1000), cure})
	f.CanRun = f.CanRun && s != failing
}

// planFlags are the flags of plan.
type planFlags struct{ taskTime, startTime workload.Duration }

func (s *starter) planCommand() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan FILE",
		Short: "Say what a run would do, cost, and stumble over, and create nothing",
		Long: `Plan reads the workload in FILE and looks at its inputs, at the accounts of the
environment and at earlier runs of the same name. It says how many tasks and
requests there would be, names whatever would stop or surprise the run, and
estimates its time, its node-hours and what they cost. It only reads.

The time of a task and of the nodes' start is that of the latest run of the same
name that ended; without one, or to try others, --task-time and --start-time say
them. What cannot be known from here is said to be unknown. The exit code is 2
where the run would be refused or fail, and 0 otherwise.`,
		Example: `  starter plan examples/ffmpeg/workload.yaml
  starter plan --task-time 4m --json workload.yaml | jq .estimate`,
		Args: needs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.forecast(cmd.Context(), args[0], f)
		},
	}
	cmd.Flags().TextVar(&f.taskTime, "task-time", workload.Duration(0), "how long one task takes (default: as in the latest run of that name, or 30s)")
	cmd.Flags().TextVar(&f.startTime, "start-time", workload.Duration(0), "how long until the first nodes are ready (default: as in that run, or 4m)")
	for _, name := range []string{"task-time", "start-time"} {
		cmd.Flags().Lookup(name).DefValue = "" // the help says it in words
	}
	return cmd
}

func (s *starter) forecast(ctx context.Context, file string, flags planFlags) error {
	w, err := s.load(file)
	if err != nil {
		return err
	}
	prices, err := azure.LoadPrices(s.environ.Get(azure.EnvPrices))
	if err != nil {
		return usagef("the prices cannot be used: %w", err)
	}
	f := &forecast{Name: w.Name, CanRun: true, Findings: []finding{}}
	f.Pool = (&plan{workload: w}).place()
	accounts := s.accounts(f)
	inputs := s.countInputs(ctx, w, accounts, f)
	f.Tasks, f.Requests = inputs.tasks, inputs.requests(w)
	s.lookAtPool(ctx, w, accounts, f)
	s.lookAtDisk(w, f)
	lookAtLifetimes(w, accounts, f)
	f.Estimate = s.estimate(ctx, w, f, flags, prices)
	if ctx.Err() != nil {
		return exitWith(exitInterrupted)
	}
	if s.json {
		err = s.answer(f)
	} else {
		err = f.print(s.stdout)
	}
	if err == nil && !f.CanRun {
		err = exitWith(exitUsage)
	}
	return err
}

func (f *forecast) print(out io.Writer) error {
	fmt.Fprintf(out, "%s, before anything is created:\n\n", f.Name)
	if f.Counted {
		fmt.Fprintf(out, "inputs    %s, %s; the largest has %s\n", countOf(f.Files, "file"), sizeOf(f.Bytes), sizeOf(f.Largest))
		fmt.Fprintf(out, "tasks     %d on %s\n", f.Tasks, f.Pool)
		fmt.Fprintf(out, "requests  %s\n", f.Requests)
	} else {
		fmt.Fprintf(out, "tasks     on %s; their number is not known from here\n", f.Pool)
	}
	f.Estimate.print(out)
	fmt.Fprintln(out)
	for _, s := range []state{failing, warning, unknown, fine} {
		for _, finding := range f.Findings {
			if finding.State == s {
				printFinding(out, finding)
			}
		}
	}
	return nil
}

// worstCase is how long the addresses that nodes get have to hold: to the end
// of a job that is created at the last moment and runs into its own timeout,
// and an hour more, as RunWorkload has it.
func worstCase(w *workload.Workload) time.Duration {
	job := time.Duration(w.Job.Timeout)
	if job <= 0 {
		job = time.Duration(w.Timeout) + 10*time.Minute
	}
	return time.Duration(w.Timeout) + job + time.Hour
}

func lookAtLifetimes(w *workload.Workload, a accounts, f *forecast) {
	worst := worstCase(w)
	switch {
	case a.storage == nil:
		f.say("signed addresses", unknown, "", "they have to hold for %s; whether they can depends on how the storage account is reached", workload.Duration(worst))
	case !a.storageKey && worst > azure.MaxDelegation:
		f.say("signed addresses", failing, fmt.Sprintf("shorten timeout and job.timeout by %s in all, or set %s to a string with an account key",
			workload.Duration((worst-azure.MaxDelegation).Round(time.Second)), azure.EnvStorageConnectionString),
			"without an account key they hold for %s, and the run's timeouts need %s", workload.Duration(azure.MaxDelegation), workload.Duration(worst))
	default:
		f.say("signed addresses", fine, "", "they hold to the worst-case end of the run, %s from its start", workload.Duration(worst))
	}
}

func (s *starter) lookAtDisk(w *workload.Workload, f *forecast) {
	if !f.Counted || w.Pool.ID != "" {
		return
	}
	slots := max(int64(w.Pool.TaskSlots), 1) / max(int64(w.Task.Slots), 1)
	slots = min(max(slots, 1), f.Tasks)
	need := slots * f.Largest * int64(max(w.Task.Files, 1))
	disk, ok := azure.TemporaryDisk(w.Pool.VMSize)
	const beside = "the outputs, and what stays of ended tasks, come on top (task.retention)"
	switch {
	case !ok:
		f.say("disk", unknown, "", "tasks need up to %s at once for their inputs on a node; the temporary disk of %s is not known here; %s", sizeOf(need), w.Pool.VMSize, beside)
	case need > disk:
		f.say("disk", failing, "choose a VM size with a larger temporary disk, or fewer pool.taskSlots",
			"a node %s has %s of temporary disk, and the inputs of the %s that it runs at once may need %s", w.Pool.VMSize, sizeOf(disk), countOf(slots, "task"), sizeOf(need))
	case 2*need > disk:
		f.say("disk", warning, "choose a VM size with a larger temporary disk, or fewer pool.taskSlots",
			"a node %s has %s of temporary disk, and inputs alone may need %s of it; %s", w.Pool.VMSize, sizeOf(disk), sizeOf(need), beside)
	default:
		f.say("disk", fine, "", "a node %s has %s of temporary disk, and inputs need %s of it at once; %s", w.Pool.VMSize, sizeOf(disk), sizeOf(need), beside)
	}
}

// listOf names the first of many.
func listOf(names []string, most int) string {
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/localbatch/faults"
)

// batchAccount is the name of the Batch account when nobody says otherwise.
const batchAccount = "durabatch"

// batchOptions are the flags of local batch.
type batchOptions struct {
	listen, data, publicURL string
	faults, bearerTokens    string // files; empty: none
	autoScaleInterval       time.Duration
	bootTime                time.Duration
	waiveElevation          bool
	quotas                  batchQuotas
}

// batchQuotas are the account's; a negative one is none.
type batchQuotas struct{ activeJobs, pools, dedicatedCores, lowPriorityCores int }

func batchCommand(c console) *cobra.Command {
	var o batchOptions
	cmd := &cobra.Command{
		DisableFlagsInUseLine: true,
		Use:                   "batch [--listen ADDR] [--data DIR] [flags]",
		Short:                 "Run the Batch service alone",
		Long: `batch runs the Batch service alone, until Ctrl-C or SIGTERM; what was running
then is run again by the next one on DIR.

The account is AZURE_BATCH_ACCOUNT_NAME (default ` + batchAccount + `). Its key is
AZURE_BATCH_ACCOUNT_KEY or, without that, the one in DIR/account.key, which is
random and made when it is not there.

Whoever has the key, or one of the bearer tokens, runs commands on this machine
as the user that the service runs as. So do the tasks themselves: they can read
what that user can read, DIR/account.key included.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return batch(cmd.Context(), o, c) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", loopback(preferredPorts.Batch), "address to listen on")
	flags.StringVar(&o.data, "data", filepath.Join(defaultData, batchPart), "directory of the service's data")
	flags.StringVar(&o.publicURL, "public-url", "", "address that clients and tasks reach the service at (default http://ADDR)")
	flags.DurationVar(&o.autoScaleInterval, "autoscale-interval", 0, "time between evaluations of autoscale formulas, such as 5s (default what each pool says)")
	flags.StringVar(&o.faults, "faults", "", "file of a fault plan: what is to go wrong, as JSON")
	flags.StringVar(&o.bearerTokens, "bearer-tokens", "", "file of bearer tokens to accept, one a line, readable by its owner alone (default none)")
	flags.DurationVar(&o.bootTime, "boot-time", 0, "how long a node takes to boot")
	flags.BoolVar(&o.waiveElevation, "waive-elevation", false, waiveUsage)
	flags.IntVar(&o.quotas.activeJobs, "quota-active-jobs", -1, "quota of active jobs and job schedules (default none)")
	flags.IntVar(&o.quotas.pools, "quota-pools", -1, "quota of pools (default none)")
	flags.IntVar(&o.quotas.dedicatedCores, "quota-dedicated-cores", -1, "quota of cores of dedicated nodes (default none)")
	flags.IntVar(&o.quotas.lowPriorityCores, "quota-low-priority-cores", -1, "quota of cores of low-priority nodes (default none)")
	return cmd
}

const waiveUsage = "run tasks that ask for administrator rights without them, if this user is not root, instead of failing them"

// batch serves Batch until ctx ends. That is no error.
func batch(ctx context.Context, o batchOptions, c console) error {
	log := slog.New(slog.NewTextHandler(c.stderr, nil))
	opts, err := serviceOptions(o, c.env)
	if err != nil {
		return err
	}
	opts.Logger = log
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("%w; choose another address with --listen", err)
	}
	if opts.PublicURL == "" {
		opts.PublicURL = "http://" + listener.Addr().String()
	}
	service, err := localbatch.New(opts)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	warnOfOthers(log, listener.Addr())
	log.Info("serving Batch", "url", opts.PublicURL, "account", opts.AccountName, "data", o.data)
	return errors.Join(service.Serve(ctx, listener), service.Close())
}

// serviceOptions are what the flags and the environment say about the service.
func serviceOptions(o batchOptions, env []string) (localbatch.Options, error) {
	opts := localbatch.Options{
		DataDir: o.data, PublicURL: o.publicURL, Quotas: o.quotas.given(),
		BootTime: o.bootTime, AutoScaleInterval: o.autoScaleInterval,
	}
	opts.Machine.WaiveElevation = o.waiveElevation
	var err error
	if opts.AccountName, opts.AccountKey, err = batchCredentials(o.data, env); err != nil {
		return opts, err
	}
	if opts.Faults, err = readFaults(o.faults); err != nil {
		return opts, err
	}
	opts.BearerTokens, err = readTokens(o.bearerTokens)
	return opts, err
}

func (q batchQuotas) given() faults.Quotas {
	quota := func(n int) *int {
		if n < 0 {
			return nil
		}
		return &n
	}
	return faults.Quotas{
		ActiveJobsAndSchedules: quota(q.activeJobs), Pools: quota(q.pools),
		DedicatedCores: quota(q.dedicatedCores), LowPriorityCores: quota(q.lowPriorityCores),
	}
}

// readFaults reads the fault plan in a file, if one is named.
func readFaults(path string) (faults.Plan, error) {
	if path == "" {
		return faults.Plan{}, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return faults.Plan{}, fmt.Errorf("read the fault plan: %w", err)
	}
	plan, err := faults.Parse(text)
	if err != nil {
		return faults.Plan{}, fmt.Errorf("%s: %w", path, err)
	}
	return plan, nil
}

// readTokens reads the bearer tokens in a file, if one is named. One that
// others could read is refused.
func readTokens(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the bearer tokens: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the bearer tokens in %s can be read by other users; run: chmod 600 %s", path, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the bearer tokens: %w", err)
	}
	tokens := strings.Fields(string(text))
	if len(tokens) == 0 {
		return nil, fmt.Errorf("there is no bearer token in %s", path)
	}
	return tokens, nil
}

// warnOfOthers says what it means to listen on more than loopback.
func warnOfOthers(log *slog.Logger, address net.Addr) {
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		return
	}
	log.Warn("other machines can reach the service: whoever has its key runs commands here as this user, and nothing on the way is encrypted; listen on 127.0.0.1 unless that is meant",
		"address", address.String())
}

// batchCredentials are the account's name and key, from env or, for the key,
// from the data directory.
func batchCredentials(data string, env []string) (account, key string, err error) {
	if account = lookup(env, "AZURE_BATCH_ACCOUNT_NAME"); account == "" {
		account = batchAccount
	}
	if key = lookup(env, "AZURE_BATCH_ACCOUNT_KEY"); key != "" {
		return account, key, nil
	}
	key, err = localbatch.LoadOrCreateKey(data)
	return account, key, err
}

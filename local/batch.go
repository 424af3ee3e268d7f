package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/durabatch/durabatch/localbatch"
)

// batchAccount is the name of the Batch account when nobody says otherwise.
const batchAccount = "durabatch"

// batchOptions are the flags of local batch.
type batchOptions struct {
	listen, data, publicURL string
	autoScaleInterval       time.Duration
}

func batchCommand(c console) *cobra.Command {
	var o batchOptions
	cmd := &cobra.Command{
		DisableFlagsInUseLine: true,
		Use:                   "batch [--listen ADDR] [--data DIR]",
		Short:                 "Run the Batch service alone",
		Long: `batch runs the Batch service alone, until Ctrl-C or SIGTERM; what was running
then is run again by the next one on DIR.

The account is AZURE_BATCH_ACCOUNT_NAME (default ` + batchAccount + `). Its key is
AZURE_BATCH_ACCOUNT_KEY or, without that, the one in DIR/account.key, which is
random and made when it is not there.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return batch(cmd.Context(), o, c) },
	}
	cmd.Flags().StringVar(&o.listen, "listen", loopback(preferredPorts.Batch), "address to listen on")
	cmd.Flags().StringVar(&o.data, "data", filepath.Join(defaultData, batchPart), "directory of the service's data")
	cmd.Flags().StringVar(&o.publicURL, "public-url", "", "address that clients and tasks reach the service at (default http://ADDR)")
	cmd.Flags().DurationVar(&o.autoScaleInterval, "autoscale-interval", 0, "time between evaluations of autoscale formulas, such as 5s (default what each pool says)")
	return cmd
}

// batch serves Batch until ctx ends. That is no error.
func batch(ctx context.Context, o batchOptions, c console) error {
	log := slog.New(slog.NewTextHandler(c.stderr, nil))
	account, key, err := batchCredentials(o.data, c.env)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("%w; choose another address with --listen", err)
	}
	if o.publicURL == "" {
		o.publicURL = "http://" + listener.Addr().String()
	}
	service, err := localbatch.New(localbatch.Options{
		DataDir:     o.data,
		AccountName: account,
		AccountKey:  key,
		PublicURL:   o.publicURL,
		Logger:      log,

		AutoScaleInterval: o.autoScaleInterval,
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	log.Info("serving Batch", "url", o.publicURL, "account", account, "data", o.data)
	return errors.Join(service.Serve(ctx, listener), service.Close())
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

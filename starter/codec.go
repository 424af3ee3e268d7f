package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/durabatch/durabatch/codec"
)

func (s *starter) codecCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "codec",
		Short: "Encrypt what Temporal keeps of runs: make a key, or let the web UI read",
		Long: `Codec is about encryption. With a key set, worker and starter encrypt the inputs,
results, details and failures of runs (AES-256-GCM), so that Temporal never sees
them. Set the same on every machine that runs either:

  ` + codec.KeyFileVariable + `  a file of keys, readable by its owner alone
  ` + codec.KeyVariable + `       or the keys themselves

Of several keys the first encrypts and all decrypt. Without its key a run can be
neither read nor continued: keep old keys for as long as their runs are kept.`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(s.codecKeyCommand(), s.codecServeCommand())
	return cmd
}

func (s *starter) codecKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "key NAME",
		Short:   "Print a new random key, a line of a key file",
		Example: `  (umask 077 && starter codec key 2026 >durabatch.key)`,
		Args:    needs("NAME for the key"),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := codec.NewKey(args[0])
			if err != nil {
				return usagef("%w", err)
			}
			_, err = fmt.Fprintln(s.stdout, key)
			return err
		},
	}
}

func (s *starter) codecServeCommand() *cobra.Command {
	var listen string
	var pages []string
	cmd := &cobra.Command{
		Use:   "serve [--listen ADDR] [--ui URL]...",
		Short: "Decrypt for Temporal's web UI and command line",
		Long: `Serve answers Temporal's codec server protocol until Ctrl-C. Give its address to
the web UI (the glasses in its corner) or to the Temporal CLI (--codec-endpoint).

It decrypts for everyone who reaches it. It listens on this machine only, and of
web pages serves those of --ui alone; before you let other machines reach it,
put something before it that asks who they are.`,
		Example: `  starter codec serve --ui http://localhost:8233`,
		Args:    nothing,
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.serveCodec(cmd.Context(), listen, pages) },
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8234", "address to listen on")
	cmd.Flags().StringArrayVar(&pages, "ui", nil, "address of a web UI that may use it (default: what DURABATCH_UI or TEMPORAL_ADDRESS tells)")
	return cmd
}

func (s *starter) serveCodec(ctx context.Context, listen string, pages []string) error {
	secrets, err := codec.FromEnvironment(s.environ.Get)
	if err != nil {
		return usagef("the key that payloads are encrypted with cannot be used: %w", err)
	}
	if secrets == nil {
		return usagef("there is no key to decrypt with: set %s or %s, see starter codec --help", codec.KeyFileVariable, codec.KeyVariable)
	}
	if len(pages) == 0 {
		pages = s.uiPages()
	}
	for i := range pages {
		pages[i] = strings.TrimRight(pages[i], "/")
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return usagef("%w; choose another address with --listen", err)
	}
	server := &http.Server{Handler: secrets.Handler(pages...), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	fmt.Fprintf(s.stderr, "codec server at http://%s for %s; Ctrl-C ends it\n", listener.Addr(), strings.Join(append(pages, "programs"), ", "))
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return failedf("the codec server cannot go on: %w", err)
	}
	return nil
}

// uiPages are the origins of the web UI that is probably meant.
func (s *starter) uiPages() []string {
	address := s.environ.Get("TEMPORAL_ADDRESS")
	if address == "" {
		address = "localhost:7233"
	}
	if ui := s.webUI(address); ui != "" {
		return []string{ui, strings.Replace(ui, "127.0.0.1", "localhost", 1)}
	}
	return nil
}

package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/durabatch/durabatch/local/page"
)

// servePage serves the page of what runs, in this process, until the stack is
// closed. It is there before the parts are, and says so.
func (s *stack) servePage() error {
	handler, err := page.New(page.Options{
		BatchURL: s.batchEndpoint(), AccountName: batchAccount, AccountKey: s.batchKey,
		TemporalUI: s.uiAddress(), EnvFile: filepath.Join(s.dir, "env"), Logger: s.supervisor.log,
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp4", loopback(s.ports.Page))
	if err != nil {
		return fmt.Errorf("the page of what runs: %w", err)
	}
	s.page = &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(s.supervisor.log.Handler(), slog.LevelDebug),
	}
	go func() { _ = s.page.Serve(listener) }() // it ends with the stack
	return nil
}

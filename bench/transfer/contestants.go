package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
)

// figures are what one process took.
type figures struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpuSeconds"`
	Azurite float64 `json:"azuriteCpuSeconds"`
	Memory  float64 `json:"residentMB"` // at most
}

// timed runs a process from its start to its end.
func (a *azurite) timed(ctx context.Context, environment []string, program string, args ...string) (figures, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), environment...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	syscall.Sync() // what was written before is nobody's burden
	before, began := a.cpu(), time.Now()
	if err := cmd.Run(); err != nil {
		return figures{}, fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, &said)
	}
	f := figures{Seconds: time.Since(began).Seconds(), Azurite: a.cpu() - before}
	f.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		f.Memory = float64(usage.Maxrss) / 1e3
		if runtime.GOOS == "darwin" {
			f.Memory /= 1e3
		}
	}
	return f, nil
}

// uploadCommand is the first argument of the process that uploads.
const uploadCommand = "upload"

// connectionVariable is how a process of ours learns of Azurite.
func (a *azurite) connectionVariable() []string {
	return []string{azure.EnvStorageConnectionString + "=" + a.connection()}
}

func (b *bench) ourUpload(ctx context.Context, a *azurite, from, to string) (figures, error) {
	self, err := os.Executable()
	if err != nil {
		return figures{}, err
	}
	args := []string{uploadCommand, "-from", from, "-to", to}
	if b.profiles != "" {
		args = append(args, "-profile", filepath.Join(b.profiles, to+".pprof"))
	}
	return a.timed(ctx, a.connectionVariable(), self, args...)
}

func (b *bench) ourDownload(ctx context.Context, a *azurite, from, to string) (figures, error) {
	return a.timed(ctx, a.connectionVariable(), filepath.Join(b.bin, "starter"), "outputs", "--container", from, "--to", to)
}

// rclone runs rclone copy. Its remote is made by the environment.
func (b *bench) rclone(ctx context.Context, a *azurite, from, to string, with options) (figures, error) {
	environment := []string{
		"RCLONE_CONFIG_BENCH_TYPE=azureblob", "RCLONE_CONFIG_BENCH_ACCOUNT=" + account,
		"RCLONE_CONFIG_BENCH_KEY=" + a.key, "RCLONE_CONFIG_BENCH_ENDPOINT=" + a.endpoint,
	}
	args := append([]string{"copy", "--config", "", from, to}, with...)
	return a.timed(ctx, environment, filepath.Join(b.bin, "rclone"), args...)
}

// remote is how rclone calls a container.
func remote(container string) string { return "bench:" + container }

// upload is the process that uploads.
func upload(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(uploadCommand, flag.ContinueOnError)
	from := flags.String("from", "", "directory")
	to := flags.String("to", "", "container")
	profile := flags.String("profile", "", "file for a CPU profile")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	config, err := azure.StorageConfigFromEnv(os.Getenv)
	if err != nil {
		return err
	}
	storage, err := azure.NewStorage(config)
	if err != nil {
		return err
	}
	var uploads []transfer.Upload
	if err := transfer.Walk(ctx, *from, nil, func(file transfer.File) error {
		uploads = append(uploads, transfer.Upload{File: file, Blob: file.Name})
		return nil
	}); err != nil {
		return err
	}
	_, err = transfer.NewUploader(transfer.NewBudget(transfer.Limits{})).Upload(ctx, storage.Container(*to), uploads, nil)
	return err
}

package activities

import (
	"bytes"
	"context"
	"crypto/md5"
	"iter"
	"runtime/debug"
	"strings"
	"time"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/report"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// ReportInput is what a report tells besides the results. The failures of
// Report are left out: the results have them.
type ReportInput struct {
	Report   workload.Report   `json:"report"`
	Workload workload.Workload `json:"workload"`
	Steps    []ReportStep      `json:"steps"`
}

// ReportStep is a step of the run that has begun.
type ReportStep = report.Step

// ReportResult says where the report is, and which file it is to be beside the
// outputs.
type ReportResult struct {
	Page workload.OutputBlob `json:"page"`
}

// Report writes the report of a run that has its verdict to the output
// container, as one HTML file.
func (a *Activities) Report(ctx context.Context, in ReportInput) (ReportResult, error) {
	var page bytes.Buffer
	progress := &beat{ctx: ctx, progress: workload.Progress{Step: "report", Total: in.Report.Files}}
	defer progress.alive()()
	container := a.Storage.Container(in.Report.Resources.OutputContainer)
	results := transfer.Parts[workload.Result]{Container: container, Prefix: resultsPrefix}.All(ctx)
	if in.Report.Results == "" { // nothing was gathered
		results = func(func(workload.Result, error) bool) {}
	}
	run := report.Run{
		Report: in.Report, Workload: in.Workload, Steps: in.Steps, Versions: versions(in.Workload), Made: time.Now(),
		Stderr: func(r workload.Result) string {
			progress.again()
			return a.stderr(ctx, in.Report.Resources.OutputContainer, r)
		},
	}
	run.Price.From = azure.PricesFrom
	run.Price.Hourly, _ = azure.HourlyPrice(in.Report.NodeTime.VMSize)
	if err := report.Write(&page, run, counting(results, progress)); err != nil {
		return ReportResult{}, fail(err, "read the results in container %s", in.Report.Resources.OutputContainer)
	}
	err := transfer.Put(ctx, container, workload.ReportBlob, page.Bytes(), "text/html; charset=utf-8")
	sum := md5.Sum(page.Bytes())
	return ReportResult{workload.OutputBlob{Name: workload.ReportFile, Blob: workload.ReportBlob, Size: int64(page.Len()), MD5: sum[:]}},
		fail(err, "write the report to container %s", in.Report.Resources.OutputContainer)
}

// counting heartbeats while results are read.
func counting(results iter.Seq2[workload.Result, error], progress *beat) iter.Seq2[workload.Result, error] {
	return func(yield func(workload.Result, error) bool) {
		for result, err := range results {
			progress.update(func(p *workload.Progress) { p.Files++ })
			if !yield(result, err) {
				return
			}
		}
	}
}

// versions are of what ran: this program, its SDKs, and the nodes' image.
func versions(w workload.Workload) []report.Version {
	var found []report.Version
	if info, ok := debug.ReadBuildInfo(); ok {
		found = append(found, report.Version{Name: "durabatch", Version: buildOf(info)}, report.Version{Name: "Go", Version: info.GoVersion})
		for _, dependency := range info.Deps {
			if dependency.Path == "go.temporal.io/sdk" || strings.HasSuffix(dependency.Path, "/azbatch") {
				found = append(found, report.Version{Name: dependency.Path, Version: dependency.Version})
			}
		}
	}
	image := w.Pool.Image
	switch {
	case w.Pool.ID != "" || image == workload.Image{}:
	case image.ID != "":
		found = append(found, report.Version{Name: "Image", Version: image.ID})
	default:
		found = append(found, report.Version{Name: "Image", Version: strings.Join([]string{image.Publisher, image.Offer, image.SKU, image.Version}, " ")})
	}
	return found
}

// buildOf is the version of a build or, without one, its commit.
func buildOf(info *debug.BuildInfo) string {
	version := info.Main.Version
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && (version == "" || version == "(devel)") {
			version = setting.Value
		}
	}
	return version
}

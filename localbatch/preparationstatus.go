package localbatch

import (
	"net/http"
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

// preparationDocument is a preparation as it is shown.
type preparationDocument struct {
	PoolID  string           `json:"poolId"`
	NodeID  string           `json:"nodeId"`
	NodeURL string           `json:"nodeUrl"`
	Prep    *jobTaskDocument `json:"jobPreparationTaskExecutionInfo,omitempty"`
	Release *jobTaskDocument `json:"jobReleaseTaskExecutionInfo,omitempty"`
}

type jobTaskDocument struct {
	jobTaskInfo
	TaskRootDirectory    string `json:"taskRootDirectory"`
	TaskRootDirectoryURL string `json:"taskRootDirectoryUrl"`
}

var preparationFields = fields{
	"poolId": choiceKind, "nodeId": choiceKind,
	"jobPreparationTaskExecutionInfo/state": equalKind, "jobReleaseTaskExecutionInfo/state": equalKind,
	"jobPreparationTaskExecutionInfo/startTime": timeKind, "jobReleaseTaskExecutionInfo/startTime": timeKind,
	"jobPreparationTaskExecutionInfo/endTime": timeKind, "jobReleaseTaskExecutionInfo/endTime": timeKind,
	"jobPreparationTaskExecutionInfo/exitCode": numberKind, "jobReleaseTaskExecutionInfo/exitCode": numberKind,
	"jobPreparationTaskExecutionInfo/result": choiceKind, "jobReleaseTaskExecutionInfo/result": choiceKind,
}

func (p *preparation) property(name string) any {
	switch name {
	case "poolId":
		return p.PoolID
	case "nodeId":
		return p.NodeID
	}
	task, name, _ := strings.Cut(name, "/")
	info := &p.Prep
	if task == "jobReleaseTaskExecutionInfo" {
		info = p.Release
	}
	if info == nil {
		return nil
	}
	switch name {
	case "state":
		return info.State
	case "startTime":
		return info.StartTime
	case "endTime":
		return info.EndTime
	case "exitCode":
		if info.ExitCode != nil {
			return int64(*info.ExitCode)
		}
	case "result":
		if info.Result != "" {
			return info.Result
		}
	}
	return nil
}

func (p *preparation) document(base string, j *job) preparationDocument {
	nodeURL := base + "/pools/" + p.PoolID + "/nodes/" + p.NodeID
	show := func(info jobTaskInfo, id string) *jobTaskDocument {
		root := taskRoot(j.ID, id)
		return &jobTaskDocument{info, root, nodeURL + "/files/" + root}
	}
	document := preparationDocument{
		PoolID: p.PoolID, NodeID: p.NodeID, NodeURL: nodeURL,
		Prep: show(p.Prep, j.JobPreparationTask.ID),
	}
	if p.Release != nil {
		document.Release = show(*p.Release, j.JobReleaseTask.ID)
	}
	return document
}

func (s *Service) preparationStatus(r *http.Request) (reply, error) {
	return s.list(r, "jobpreparationandreleasetaskstatus", preparationFields, func(tx *store.Tx, _ listQuery) ([]listed, error) {
		var items []listed
		j, err := findJob(tx, r.PathValue("job"))
		if err != nil {
			return nil, err
		}
		if j.JobPreparationTask == nil {
			return nil, conflict("JobPreparationTaskNotSpecified", "The specified job does not have a job preparation task.")
		}
		rows, err := tx.Preparations(j.row.Key)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			p, err := readPreparation(row)
			if err != nil {
				return nil, err
			}
			items = append(items, listed{p.NodeID, p.document(s.baseURL(r), j), p.property})
		}
		return items, nil
	})
}

"""CPU time and memory of a process and its descendants, from /proc (proc(5))."""
from pathlib import Path


def family(pid):
    """The ids of a process and of all its descendants."""
    found = [pid]
    for parent in found:
        for task in list_tasks(parent):
            try:
                found += map(int, (task / "children").read_text().split())
            except OSError:
                pass
    return found


def list_tasks(pid):
    """The folders of a process's threads."""
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def cpu(pid):
    """Nanoseconds on a processor of all threads, as the scheduler counts them."""
    total = 0
    for process in family(pid):
        for task in list_tasks(process):
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except OSError:
                pass
    return total


def memory(pid):
    """Resident bytes. Pages that several processes share are counted once (PSS)."""
    total = 0
    for process in family(pid):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    return total

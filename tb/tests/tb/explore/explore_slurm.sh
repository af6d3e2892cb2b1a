#!/usr/bin/env bash
# A real Slurm on this machine runs tb/explore/slurm/sweep.sbatch as an array of 8; one task is killed and requeued.
#   explore_slurm.sh HOME RUN_SIM SWEEP.ini FOLDER   leaves FOLDER/merged.sqlite and FOLDER/log/task-I.log
# Exit code 77: no Slurm here, no right to start one, or its daemons do not start (a container without cgroups).
set -euo pipefail
home=$1 program=$2 sweep=$3 folder=$4

for tool in slurmctld slurmd sbatch scontrol squeue scancel munged; do
  PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || { echo "skipped: no Slurm here: $tool is not installed (Debian: slurm-wlm, munge)"; exit 77; }
done
((EUID == 0)) || { echo "skipped: no Slurm here: to start one of our own needs root"; exit 77; }

export PATH=$PATH:/usr/sbin SLURM_CONF=$folder/slurm.conf
mkdir -p "$folder"/{state,spool,run,log}
chmod 755 "$folder"
host=$(hostname -s)
port=$((20000 + $$ % 10000 * 2))

# Authentication of our own: a key, a socket and a daemon that nothing else on this machine uses.
(umask 077; head -c 1024 /dev/urandom >"$folder/munge.key")
cat >"$SLURM_CONF" <<CONF
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
SlurmctldPort=$port
SlurmdPort=$((port + 1))
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=1000,requeue_delay=0
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=100 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF

munged --force --foreground --socket="$folder/munge.socket" --key-file="$folder/munge.key" \
  --pid-file="$folder/run/munged.pid" --seed-file="$folder/munge.seed" --log-file="$folder/log/munged.log" \
  >"$folder/log/munged.out" 2>&1 &
munge_process=$!
stop() {
  scontrol shutdown >/dev/null 2>&1 || true
  for name in slurmd slurmctld; do
    if [[ -e $folder/run/$name.pid ]]; then kill "$(<"$folder/run/$name.pid")" 2>/dev/null || true; fi
  done
  kill "$munge_process" 2>/dev/null || true
}
trap stop EXIT

wait_for() {  # wait_for SECONDS COMMAND...
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || { echo "timed out: $*"; tail -n 5 "$folder"/log/*; exit 1; }
    sleep 0.1
  done
}
queue_empty() { [[ -z $(squeue --noheader) ]]; }
node_idle() { [[ $(sinfo --noheader --format=%T 2>/dev/null) == idle ]]; }
has_points() { [[ -s $1-wal ]] && (($(stat --format=%s "$1-wal") > 100000)); }

wait_for 10 test -S "$folder/munge.socket"
# Where the daemons themselves cannot run (no /sys, no cgroups), there is nothing of ours to test.
slurmctld && slurmd -N "$host" || { echo "skipped: no Slurm here: its daemons do not start"; tail -n 3 "$folder/log/slurmd.log"; exit 77; }
wait_for 30 node_idle

export RUN_SIM=$program
job=$(sbatch --parsable --array=0-7 --output="$folder/log/task-%a.log" "$home/tb/explore/slurm/sweep.sbatch" "$sweep" "$folder/part")
wait_for 60 has_points "$folder/part.1-of-8.sqlite"
scancel --signal=KILL --full "${job}_1"
still_running() { [[ $(squeue --noheader --array --format=%T --jobs="${job}_1" 2>/dev/null) == RUNNING ]]; }
ended() { ! still_running; }
wait_for 30 ended
scontrol requeue "${job}_1"
wait_for 200 queue_empty
"$program" sweep merge --out "$folder/merged.sqlite" --quiet "$folder"/part.*-of-8.sqlite

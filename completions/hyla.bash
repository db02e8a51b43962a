# SPDX-License-Identifier: MIT
# bash completion for hyla: subcommands, options, and the program after "--".
# shellcheck shell=bash

_hyla_words() {
	local common="--root --initrd --bind --disk --vsock --mem --cpus --env --env-clear --cwd --user
		--hostname --log --trace --trace= --timeout --seed --fail-nth --stats --kernel --help"

	case $1 in
	run) echo "$common --engine --pku --no-pku --no-rewrite --no-sandbox" ;;
	boot) echo "$common --machine --vmm --accel --record --replay --append --gdb --gdb= --bootchart --dry-run
		--vmm-arg" ;;
	image) echo "--output --epoch --help" ;;
	doctor) echo "--help" ;;
	esac
}

# The value of an option: $1 its name.
_hyla_value() {
	case $1 in
	--root) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	--bind)	# HOST:GUEST[:ro]; only HOST is known here
		[[ $cur == *:* ]] || mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		;;
	--initrd | --disk | --vsock | --record | --replay | --kernel | --output | -o) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	--engine) mapfile -t COMPREPLY < <(compgen -W "inproc ptrace" -- "$cur") ;;
	--machine) mapfile -t COMPREPLY < <(compgen -W "microvm q35 pc" -- "$cur") ;;
	--vmm) mapfile -t COMPREPLY < <(compgen -W "qemu firecracker cloud-hypervisor" -- "$cur") ;;
	--accel) mapfile -t COMPREPLY < <(compgen -W "kvm tcg" -- "$cur") ;;
	--user) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
	--log)
		mapfile -t COMPREPLY < <(compgen -W \
			"emerg alert crit err warning notice info debug" -- "$cur")
		;;
	--mem | --cpus | --cwd | --env | --hostname | --timeout | --seed | --fail-nth | --append | \
		--vmm-arg | --epoch) ;;
	*) return 1 ;;
	esac
}

_hyla() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i
	local sub=${COMP_WORDS[1]}

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W \
			"run boot image doctor --help --version" -- "$cur")
		return
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -- ]]; then	# a command line of its own
			if declare -F _command_offset >/dev/null; then
				_command_offset $((i + 1))
			elif ((i == COMP_CWORD - 1)); then
				mapfile -t COMPREPLY < <(compgen -c -- "$cur")
			else
				mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			fi
			return
		fi
	done
	_hyla_value "$prev" && return
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "-- $(_hyla_words "$sub")" -- "$cur")
		[[ ${COMPREPLY[0]-} == *= && ${#COMPREPLY[@]} -eq 1 ]] && compopt -o nospace
	elif [[ $sub == image ]]; then
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	fi
} 2>/dev/null

complete -o filenames -F _hyla hyla

# SPDX-License-Identifier: MIT
# bash completion for nucleus and nucleus-cli. The commands, flags and values are asked of the
# program itself (`nucleus __options`), so that this script knows none and cannot be out of date.

_nucleus_value()
{
	local type=$1 values=$2 cur=$3

	case $type in
	enum)
		mapfile -t COMPREPLY < <(compgen -W "${values//|/ }" -- "$cur")
		;;
	dir)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		;;
	esac
	# Others: none of ours, and so file names, by `complete -o default`.
}

_nucleus_program()
{
	local offset=$1

	if declare -F _comp_command_offset >/dev/null; then
		_comp_command_offset "$offset"
	elif declare -F _command_offset >/dev/null; then
		_command_offset "$offset"
	elif ((offset == COMP_CWORD)); then
		mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
	fi
}

_nucleus()
{
	local nucleus=${COMP_WORDS[0]/#\~/$HOME}
	local words=() at=() command=() names=() glue='' cur flag kind name i
	local -A type=() values=()

	# Readline takes "--mode=agent" for three words: put such together again.
	for ((i = 1; i <= COMP_CWORD; i++)); do
		if [[ $glue || ${COMP_WORDS[i]} == [=:]* ]] && ((${#words[@]})); then
			words[-1]+=${COMP_WORDS[i]}
		else
			words+=("${COMP_WORDS[i]}")
			at+=("$i")
		fi
		[[ ${COMP_WORDS[i]} == *[=:] ]] && glue=1 || glue=
	done
	cur=${words[-1]}
	unset 'words[-1]'

	COMPREPLY=()
	command=("${words[@]:0:1}")
	[[ ${command[0]} == policy ]] && command=("${words[@]:0:2}")
	[[ ${command[0]} == help ]] && command=("${words[@]:1}")
	while IFS=$'\t' read -r kind name flag i; do
		[[ $kind == flag && ${words[0]} == help ]] && continue
		names+=("$name")
		[[ $kind == flag ]] && type[$name]=$flag values[$name]=$i
	done < <("$nucleus" __options "${command[@]}" 2>/dev/null)
	if ((${#type[@]} == 0)); then
		mapfile -t COMPREPLY < <(compgen -W "${names[*]}" -- "$cur")
		return
	fi

	# Over the options, to the program or the flag whose value is being written.
	for ((i = ${#command[@]}; i < ${#words[@]}; i++)); do
		if [[ ${words[i]} == -- ]]; then
			_nucleus_program "${at[i + 1]}"
			return
		elif [[ ${words[i]} != -* ]]; then
			[[ ${command[0]} == @(run|create|explain) ]] || continue
			_nucleus_program "${at[i]}"
			return
		elif [[ ${type[${words[i]}]:-none} != none ]]; then
			if ((++i == ${#words[@]})); then
				flag=${words[i - 1]}
				_nucleus_value "${type[$flag]}" "${values[$flag]}" "$cur"
				return
			fi
		fi
	done

	if [[ $cur == --*=* ]]; then
		flag=${cur%%=*}
		if [[ ${type[$flag]} == none ]]; then
			_nucleus_value enum "true|false" "${cur#*=}"
		else
			_nucleus_value "${type[$flag]}" "${values[$flag]}" "${cur#*=}"
		fi
		# Where readline does not part words at "=", the reply replaces all of the word.
		[[ $COMP_WORDBREAKS == *=* ]] || COMPREPLY=("${COMPREPLY[@]/#/$flag=}")
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "${names[*]}" -- "$cur")
	elif [[ ${command[0]} == @(run|create|explain) ]]; then
		_nucleus_program "${at[-1]}"
	fi
}

complete -o default -F _nucleus nucleus nucleus-cli

# Makes this machine a node of a rigwatch server: & ([scriptblock]::Create(...)) URL PIN SHA256 CODE [NAME]
# Fetches the agent from the server at URL, whose public key is PIN ('-': a certificate that this system trusts), checks
# that it is the file with this SHA-256, and installs it with the Python that is here; its libraries come from PyPI, each
# checked by its hash. CODE is exchanged for the key. Written for Windows PowerShell 5.1 and newer; ASCII only.
param(
    [Parameter(Mandatory = $true)][string] $Url,
    [Parameter(Mandatory = $true)][string] $Pin,
    [Parameter(Mandatory = $true)][string] $Sha256,
    [Parameter(Mandatory = $true)][string] $Code,
    [string] $Name = ''
)
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

function Stop-Install([string] $Why) {
    throw "rigwatch: $Why"
}

# What a program says on standard error is no exception here: its exit code counts.
function Invoke-Tool([string] $Why, [scriptblock] $Call) {
    $ErrorActionPreference = 'Continue'
    & $Call
    if ($LASTEXITCODE -ne 0) { Stop-Install $Why }
}

function Find-Python {
    foreach ($each in @(@('py', '-3'), @('python'))) {
        if (-not (Get-Command $each[0] -ErrorAction SilentlyContinue)) { continue }
        $rest = @($each | Select-Object -Skip 1)
        $probe = 'import sys; print(sys.executable if sys.version_info >= (3, 11) and sys.maxsize > 2**32 else str())'
        $ErrorActionPreference = 'Continue'
        $found = & $each[0] @rest -c $probe 2>$null
        if ($LASTEXITCODE -eq 0 -and $found) { return $found }
    }
    Stop-Install 'Python 3.11 or newer (64 bit, for all users) is needed: winget install --scope machine Python.Python.3.13'
}

$principal = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Stop-Install 'run this in a PowerShell that was started as administrator'
}
if (-not (Get-Command curl.exe -ErrorAction SilentlyContinue)) {
    Stop-Install 'curl.exe is not here; it is part of Windows 10 1803 and newer'
}
$python = Find-Python
$root = Join-Path $env:ProgramData 'rigwatch-agent'
$app = Join-Path $root 'app'
$homeFolder = Join-Path $root 'home'
$task = 'rigwatch-agent'
$folder = Join-Path ([IO.Path]::GetTempPath()) ([IO.Path]::GetRandomFileName())
New-Item -ItemType Directory -Path $folder | Out-Null
try {
    $file = Join-Path $folder 'agent.zip'
    $trust = @()
    if ($Pin -ne '-') { $trust = @('--insecure', '--pinnedpubkey', $Pin) }
    # The code comes by standard input: anyone on a machine can read what its programs were started with.
    Invoke-Tool "the agent cannot be fetched from $Url; a line is good for an hour: print a new one if it is older" {
        "header = ""X-Rigwatch-Code: $Code""" | & curl.exe --silent --show-error --fail --config - @trust `
            --connect-timeout 20 --retry 10 --retry-delay 3 --output $file "$Url/rigwatch-agent-windows.zip"
    }
    if ((Get-FileHash -Algorithm SHA256 -LiteralPath $file).Hash -ne $Sha256) {
        Stop-Install "what came from $Url is not the agent that the line names; nothing was installed"
    }

    # For administrators and the account that the agent runs as, and for nobody else.
    New-Item -ItemType Directory -Force -Path $root | Out-Null
    Invoke-Tool "the rights of $root cannot be set" {
        & icacls.exe $root /inheritance:r /grant:r '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' '*S-1-5-19:(OI)(CI)RX' | Out-Null
    }
    if (Get-ScheduledTask -TaskName $task -ErrorAction SilentlyContinue) { Stop-ScheduledTask -TaskName $task }
    if (Test-Path -LiteralPath $app) { Remove-Item -Recurse -Force -LiteralPath $app }
    Expand-Archive -LiteralPath $file -DestinationPath $app
    New-Item -ItemType Directory -Force -Path $homeFolder | Out-Null
    Invoke-Tool "the rights of $homeFolder cannot be set" { & icacls.exe $homeFolder /grant '*S-1-5-19:(OI)(CI)M' | Out-Null }
    $venv = Join-Path $app 'venv'
    $agent = Join-Path $venv 'Scripts\python.exe'
    Invoke-Tool 'the environment of the agent cannot be made' { & $python -m venv $venv }
    Invoke-Tool 'the libraries of the agent cannot be fetched from PyPI' {
        & $agent -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes `
            --requirement (Join-Path $app 'requirements.txt')
    }
    [IO.File]::WriteAllText((Join-Path $venv 'Lib\site-packages\rigwatch-agent.pth'), $app)

    $start = @('-P', '-m', 'publisher.command', '--home', $homeFolder)
    $named = @()
    if ($Name) { $named = @('--name', $Name) }
    Invoke-Tool 'this machine has not joined' { $Code | & $agent @start join --server $Url --pin $Pin @named }

    $action = New-ScheduledTaskAction -Execute $agent -Argument "-P -m publisher.command --home ""$homeFolder"" publish"
    $trigger = New-ScheduledTaskTrigger -AtStartup
    $account = New-ScheduledTaskPrincipal -UserId 'NT AUTHORITY\LOCAL SERVICE' -LogonType ServiceAccount
    $settings = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -RestartCount 999 `
        -RestartInterval (New-TimeSpan -Minutes 1) -ExecutionTimeLimit ([TimeSpan]::Zero) -MultipleInstances IgnoreNew
    Register-ScheduledTask -TaskName $task -Action $action -Trigger $trigger -Principal $account -Settings $settings -Force | Out-Null
    Start-ScheduledTask -TaskName $task
    Invoke-Tool 'no report has reached the server yet; the agent goes on trying' {
        $Code | & $agent @start join --server $Url --pin $Pin --only-wait
    }
}
finally {
    Remove-Item -Recurse -Force -LiteralPath $folder
}

#include "machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "options.h"

static struct cpu_seconds process_cpu(int pid)
{
    struct cpu_seconds none = {0, 0};
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return none;
    char text[1024];
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = 0;
    char *after_name = strrchr(text, ')');
    unsigned long user = 0, system = 0;
    const char *fields = "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu";
    if (!after_name || sscanf(after_name + 2, fields, &user, &system) != 2)
        return none;
    double ticks = (double)sysconf(_SC_CLK_TCK);
    return (struct cpu_seconds){(double)user / ticks, (double)system / ticks};
}

struct cpu_seconds server_cpu(void)
{
    struct cpu_seconds sum = {0, 0};
    for (int i = 0; i < options.server_pid_count; i++) {
        struct cpu_seconds one = process_cpu(options.server_pids[i]);
        sum.user += one.user;
        sum.system += one.system;
    }
    return sum;
}

static long process_rss_kib(int pid)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    long kib = 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    fclose(file);
    return kib;
}

long server_rss_kib(void)
{
    long sum = 0;
    for (int i = 0; i < options.server_pid_count; i++)
        sum += process_rss_kib(options.server_pids[i]);
    return sum;
}

double own_cpu_seconds(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double user = (double)use.ru_utime.tv_sec + (double)use.ru_utime.tv_usec / 1e6;
    double system = (double)use.ru_stime.tv_sec + (double)use.ru_stime.tv_usec / 1e6;
    return user + system;
}

double machine_busy_seconds(void)
{
    FILE *file = fopen("/proc/stat", "r");
    if (!file)
        return 0;
    double user, nice, system, idle, iowait, irq, softirq, steal;
    int found = fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle,
                       &iowait, &irq, &softirq, &steal);
    fclose(file);
    if (found != 8)
        return 0;
    return (user + nice + system + irq + softirq + steal) / (double)sysconf(_SC_CLK_TCK);
}
